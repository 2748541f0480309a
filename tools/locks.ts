/**
 * The lock files: deno.lock for every program of the project, supabase/functions/deno.lock for the functions.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { z } from "zod";
import { findFunctions } from "../local/functions/environment.ts";
import { entrySource } from "../local/functions/resolution.ts";
import { ROOT } from "../local/paths.ts";
import config from "./deno.json" with { type: "json" };

export const FOLDERS = ["bench", "client", "local", "ops", "tests", "tools"];

export interface Lock {
  /** Below the project's folder. */
  file: string;
  /** Brings the lock file `path`, this one or a copy, up to date. Throws what Deno says when it cannot. */
  update(path: string): Promise<void>;
}

const lockSchema = z.object({
  npm: z.record(z.string(), z.object({ integrity: z.string() })),
});

export const LOCKS: Lock[] = [
  {
    file: "deno.lock",
    update: (path) =>
      cache("--lock", path, "--config", "deno.json", ...FOLDERS, config.imports.typescript),
  },
  { file: join("supabase", "functions", "deno.lock"), update: updateFunctionsLock },
];

/** From each `index.ts` and from the program that the local stack makes around it: both resolve alike then. */
async function updateFunctionsLock(path: string): Promise<void> {
  const temporary = await Deno.makeTempDir({ prefix: "acontext-sessions-lock-" });
  try {
    for (const { name, folder } of await findFunctions(ROOT)) {
      const entry = join(temporary, `${name}.ts`);
      await Deno.writeTextFile(entry, entrySource(folder, { name, announcement: "" }));
      const functionConfig = ["--node-modules-dir=none", "--config", join(folder, "deno.json")];
      await cache("--lock", path, ...functionConfig, join(folder, "index.ts"), entry);
    }
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
}

async function cache(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["cache", "--quiet", "--frozen=false", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
}

/** Null when the lock file is what Deno would write now. */
export async function staleness({ file, update }: Lock): Promise<string | null> {
  const copy = await Deno.makeTempFile({ prefix: "acontext-sessions-", suffix: ".lock" });
  try {
    const committed = await Deno.readTextFile(join(ROOT, file));
    await Deno.writeTextFile(copy, committed);
    await update(copy);
    if (await Deno.readTextFile(copy) === committed) return null;
    return `${file} is stale: run \`npm run check -- --fix\``;
  } catch (error) {
    return `${file}: ${error instanceof Error ? error.message : error}`;
  } finally {
    await Deno.remove(copy);
  }
}

/** Packages that the functions run with and that the tests import in another version, or null. */
export async function disagreement(): Promise<string | null> {
  const [project, functions] = await Promise.all(LOCKS.map(async ({ file }) => {
    const { npm } = lockSchema.parse(JSON.parse(await Deno.readTextFile(join(ROOT, file))));
    return new Map(Object.entries(npm).map(([id, { integrity }]) => [withoutPeers(id), integrity]));
  }));
  const differing = [...functions ?? []].filter(([id, integrity]) =>
    project?.get(id) !== integrity
  );
  return differing.length === 0
    ? null
    : `Not the same in ${LOCKS.map(({ file }) => file).join(" and ")}: ${
      differing.map(([id]) => id).join(", ")
    }`;
}

/** `name@version`, of a key that may go on with the peers that were chosen. */
function withoutPeers(id: string): string {
  return /^@?[^@_]+@[^_]+/.exec(id)?.[0] ?? id;
}

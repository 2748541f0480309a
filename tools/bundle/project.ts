/**
 * The functions as a project of their own that the Supabase CLI deploys as it is: `config.toml` and one file per function.
 * What the CLI then finds and sends is this and nothing else.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { findFunctions } from "../../local/functions/environment.ts";
import { functionsLock } from "../../local/functions/resolution.ts";
import { readProjectConfig } from "../../local/project_config.ts";
import { ROOT } from "../../local/paths.ts";
import { withBundler } from "./bundle.ts";

/** Git ignores it. */
export const DIST: string = join(ROOT, "dist");

export interface BuiltFunction {
  name: string;
  verifyJwt: boolean;
  /** Below the folder of the project that was made. */
  path: string;
  bytes: number;
  sha256: string;
}

/** Builds into `outDir`, which is made again: `supabase/` is what is deployed, `maps/` leads back to the sources. */
export async function buildFunctions(outDir: string): Promise<BuiltFunction[]> {
  const { functions: settings } = await readProjectConfig(ROOT);
  const wanted = (await findFunctions(ROOT)).map(({ name }) => ({
    name,
    ...(settings[name] ?? { enabled: true, verify_jwt: true }),
  })).filter(({ enabled }) => enabled);
  const lock = functionsLock(ROOT);
  if (lock === null) throw new Error("Cannot bundle: supabase/functions/deno.lock is missing");

  await Deno.remove(outDir, { recursive: true }).catch(ignoreMissing);
  await Deno.mkdir(join(outDir, "maps"), { recursive: true });
  const built: BuiltFunction[] = [];
  await withBundler({ root: ROOT, lock }, async (bundle) => {
    for (const { name, verify_jwt: verifyJwt } of wanted) {
      const { code, map } = await bundle({ name });
      const path = join("supabase", "functions", name, "index.js");
      await Deno.mkdir(join(outDir, path, ".."), { recursive: true });
      await Deno.writeFile(join(outDir, path), code);
      await Deno.writeTextFile(join(outDir, "maps", `${name}.js.map`), map);
      built.push({ name, verifyJwt, path, bytes: code.length, sha256: await sha256(code) });
    }
  });
  await Deno.writeTextFile(join(outDir, "supabase", "config.toml"), configOf(built));
  return built;
}

function configOf(functions: BuiltFunction[]): string {
  const sections = functions.map(({ name, verifyJwt }) =>
    `[functions.${name}]
verify_jwt = ${verifyJwt}
entrypoint = "./functions/${name}/index.js"
`
  );
  return [
    "# Made by `npm run build:functions` from supabase/functions and supabase/config.toml.\n",
    'project_id = "acontext-sessions"\n',
    ...sections,
  ].join("\n");
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

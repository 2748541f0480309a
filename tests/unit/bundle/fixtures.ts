/** Bundling what a test writes, and running what came of it. */

import { basename, join } from "@std/path/mod.js";
import { functionsLock } from "../../../local/functions/resolution.ts";
import { ROOT } from "../../../local/paths.ts";
import { type Bundle, withBundler } from "../../../tools/bundle/bundle.ts";

export const LOCK = functionsLock(ROOT) ?? "";

export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "acontext-sessions-bundle-" });
  try {
    return await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A project whose only function is `files`, with the import map of ours. */
export function bundleOf(files: Record<string, string>): Promise<Bundle> {
  return withFolder(async (root) => {
    const functions = join(root, "supabase", "functions");
    const folder = join(functions, "extra");
    await Deno.mkdir(join(functions, "_acontext_sessions"), { recursive: true });
    await Deno.mkdir(folder);
    await Deno.copyFile(
      join(ROOT, "supabase", "functions", "create-session", "deno.json"),
      join(folder, "deno.json"),
    );
    for (const [path, text] of Object.entries(files)) {
      await Deno.writeTextFile(join(functions, path), text);
    }
    return await withBundler({ root, lock: LOCK }, (bundle) => bundle({ name: "extra" }));
  });
}

/** Runs a module where nothing can be resolved: no packages, no network, an empty cache. The file `beside` it is all there is. */
export function runAlone(
  code: Uint8Array | string,
  beside?: string,
): Promise<{ out: string; error: string }> {
  return withFolder(async (folder) => {
    const path = join(folder, "alone.js");
    if (beside !== undefined) await Deno.copyFile(beside, join(folder, basename(beside)));
    if (typeof code === "string") await Deno.writeTextFile(path, code);
    else await Deno.writeFile(path, code);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-config", "--no-npm", "--no-remote", "--allow-env", path],
      clearEnv: true,
      env: { DENO_DIR: join(folder, "cache"), NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    return { out: decoder.decode(stdout).trim(), error: decoder.decode(stderr) };
  });
}

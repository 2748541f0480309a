/**
 * The packages of the functions as a `node_modules`, which is all that a bundler knows. Deno makes it: the versions are
 * those of the lock file, the bytes those of its cache, and no network is asked.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { z } from "zod";

/** By the name that modules import; the target is an exact npm version. */
export type ImportMap = Record<string, string>;

const configSchema = z.object({ imports: z.record(z.string(), z.string()) });

/** The import map in the function's deno.json. */
export async function importMapOf(functionFolder: string): Promise<ImportMap> {
  const text = await Deno.readTextFile(join(functionFolder, "deno.json"));
  return configSchema.parse(JSON.parse(text)).imports;
}

/**
 * Unpacks into `folder`, which has no packages yet.
 *
 * @throws {Error} when the lock file does not fit the import map, or a package has not been fetched.
 */
export async function unpackPackages(
  folder: string,
  { imports, lock }: { imports: ImportMap; lock: string },
): Promise<void> {
  await Deno.writeTextFile(join(folder, "deno.json"), JSON.stringify({ imports }));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["install", "--quiet", "--cached-only", "--node-modules-dir=auto"],
      ...["--frozen", "--lock", lock],
    ],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  if (!success) {
    throw new Error(
      `Cannot unpack the functions' packages: ${new TextDecoder().decode(stderr).trim()}`,
    );
  }
  // Modules that Deno runs are ES modules, whatever else they look like.
  await Deno.writeTextFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
}

/** `@supabase/server/core` of `npm:@supabase/server@1.8.1/core`; null when that is no npm package. */
export function withoutVersion(target: string): string | null {
  const [, name, path] = /^npm:\/?((?:@[^/@]+\/)?[^/@]+)@[^/]+(\/.+)?$/.exec(target) ?? [];
  return name === undefined ? null : `${name}${path ?? ""}`;
}

/** `npm:@supabase/server@1.8.1/dist/index.mjs` of where Deno unpacked it; other paths stay. */
export function packagePath(path: string): string {
  const [, unpacked, file] = /^node_modules\/\.deno\/([^/]+)\/node_modules\/(.+)$/.exec(path) ?? [];
  if (unpacked === undefined || file === undefined) return path;
  const [, version] = /@([^@_]+)(?:_[^/]*)?$/.exec(unpacked) ?? [];
  const parts = file.split("/");
  const name = parts.splice(0, file.startsWith("@") ? 2 : 1).join("/");
  return [`npm:${name}@${version}`, ...parts].join("/");
}

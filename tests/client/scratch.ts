/** A project outside of this one that has installed the packed client. @module */

import { join } from "@std/path/mod.js";
import { z } from "zod";
import { buildClient } from "../../tools/build_client.ts";
import { ROOT } from "../../local/paths.ts";

const packed = z.tuple([z.object({
  filename: z.string(),
  files: z.array(z.object({ path: z.string() })),
})]);

export interface Scratch {
  dir: string;
  /** What the tarball holds. */
  packed: string[];
  /** Runs a command in the project. Throws what it printed when it fails, else answers its output. */
  run(command: string, ...args: string[]): Promise<string>;
}

async function run(dir: string, command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd: dir,
    // This project's own npm settings, inherited under `npm test`, are not those of an app.
    env: { npm_config_engine_strict: "false" },
    stdin: "null",
  }).output();
  const [out, problems] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`${command} ${args.join(" ")} failed:\n${out}${problems}`);
  return out ?? "";
}

/** Packs the client, installs it beside supabase-js, a compiler and what drives a browser, and runs `use` with that. */
export async function withScratch(use: (scratch: Scratch) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "acontext-sessions-client-" });
  try {
    const source = join(root, "client");
    const dir = join(root, "app");
    await Deno.mkdir(source);
    await Deno.mkdir(dir);
    await Deno.copyFile(join(ROOT, "client", "package.json"), join(source, "package.json"));
    await Deno.copyFile(join(ROOT, "client", "README.md"), join(source, "README.md"));
    await Deno.copyFile(join(ROOT, "client", "LICENSE"), join(source, "LICENSE"));
    await buildClient(join(source, "dist"));
    const [{ filename, files }] = packed.parse(
      JSON.parse(await run(source, "npm", "pack", "--json", "--pack-destination", dir)),
    );
    // What an app installs beside the client, locked: what runs is what was tested.
    for (const name of ["package.json", "package-lock.json"]) {
      await Deno.copyFile(join(ROOT, "tests", "client", "packages", name), join(dir, name));
    }
    const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    await run(dir, "npm", "ci", ...quiet);
    await run(dir, "npm", "install", "--no-save", ...quiet, `./${filename}`);
    for (const name of ["app.ts", "page.ts", "browser.mjs"]) {
      await Deno.copyFile(join(ROOT, "tests", "client", "apps", name), join(dir, name));
    }
    await use({
      dir,
      packed: files.map((file) => file.path),
      run: (command, ...args) => run(dir, command, ...args),
    });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

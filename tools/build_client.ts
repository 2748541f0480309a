/**
 * `npm run build:client`: makes `client/dist`, one ES module without imports and its types, ready for `npm pack`.
 *
 * @module
 */

import { build, stop } from "esbuild";
import { join } from "@std/path/mod.js";
import { ROOT } from "../local/paths.ts";
import config from "./deno.json" with { type: "json" };

const SOURCE = join(ROOT, "client", "src");

/** Builds into `outDir`, which is emptied first. */
export async function buildClient(outDir: string): Promise<void> {
  await Deno.remove(outDir, { recursive: true }).catch(() => {});
  await bundleClient({ outfile: join(outDir, "index.js") });
  await declare(outDir);
}

/** The module as one file; `outfile` null: only its bytes. */
export async function bundleClient(
  { outfile, minify = false }: { outfile: string | null; minify?: boolean },
): Promise<Uint8Array> {
  try {
    const { outputFiles } = await build({
      absWorkingDir: ROOT,
      entryPoints: [join(SOURCE, "index.ts")],
      bundle: true,
      format: "esm",
      platform: "neutral",
      target: "es2022",
      minify,
      write: false,
    });
    const bytes = outputFiles[0]?.contents ?? new Uint8Array();
    if (outfile !== null) {
      await Deno.mkdir(join(outfile, ".."), { recursive: true });
      await Deno.writeFile(outfile, bytes);
    }
    return bytes;
  } finally {
    await stop();
  }
}

/** `deno check` has checked the types. Here nothing is resolved but the client's own files. */
async function declare(outDir: string): Promise<void> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "-A",
      `${config.imports.typescript}/tsc`,
      ...["--declaration", "--emitDeclarationOnly", "--noCheck", "--allowImportingTsExtensions"],
      ...["--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"],
      ...["--ignoreConfig", "--outDir", outDir, join(SOURCE, "index.ts")],
    ],
    cwd: ROOT,
    stdin: "null",
  }).output();
  if (!success) {
    throw new Error(`Cannot write the client's types: ${new TextDecoder().decode(stdout)}`);
  }
  for await (const { name } of Deno.readDir(outDir)) {
    if (!name.endsWith(".d.ts")) continue;
    const file = join(outDir, name);
    const text = await Deno.readTextFile(file);
    // The package has no ".ts" files.
    await Deno.writeTextFile(file, text.replace(/(from "\.\/\w+)\.ts"/g, '$1.js"'));
  }
}

if (import.meta.main) {
  const outDir = join(ROOT, "client", "dist");
  await buildClient(outDir);
  console.log(`Built ${outDir}. Pack it with: npm pack ./client`);
}

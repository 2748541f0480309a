/** What a function is in one file, and what it is made of. @module */

import { join } from "@std/path/mod.js";
import { z } from "zod";
import { functionArgs, functionsLock } from "../../local/functions/resolution.ts";
import { ROOT } from "../../local/paths.ts";

export const bundleSchema = z.object({
  /** Our own modules, before anything is bundled. */
  ownModules: z.int(),
  ownBytes: z.int(),
  /** All modules in the bundle, those of packages included. */
  modules: z.int(),
  bytes: z.int(),
  minifiedBytes: z.int(),
  gzippedBytes: z.int(),
  /** Bytes of the bundle that is not minified, by where they come from. */
  parts: z.record(z.string(), z.int()),
});
export type Bundle = z.infer<typeof bundleSchema>;

const infoSchema = z.object({
  modules: z.array(z.object({ specifier: z.string(), size: z.int().optional() })),
});

/** Bundles with `deno bundle`, which is esbuild, npm packages included. */
export async function bundle(folder: string): Promise<Bundle> {
  const index = join(folder, "index.ts");
  const { modules } = infoSchema.parse(
    JSON.parse(await deno(["info", "--json", ...functionArgs(folder, functionsLock(ROOT)), index])),
  );
  const own = modules.filter(({ specifier }) => specifier.startsWith("file:"));
  const outDir = await Deno.makeTempDir({ prefix: "acontext-sessions-bundle-" });
  try {
    const [plain, minified] = [join(outDir, "plain.js"), join(outDir, "minified.js")];
    const args = ["bundle", "--platform", "deno", ...functionArgs(folder, functionsLock(ROOT))];
    await deno([...args, "--output", plain, index]);
    await deno([...args, "--minify", "--output", minified, index]);
    const text = await Deno.readTextFile(plain);
    const { sizes, files } = partsOf(text);
    return {
      ownModules: own.length,
      ownBytes: own.reduce((sum, { size = 0 }) => sum + size, 0),
      modules: files,
      bytes: (await Deno.stat(plain)).size,
      minifiedBytes: (await Deno.stat(minified)).size,
      gzippedBytes: await gzippedSize(minified),
      parts: sizes,
    };
  } finally {
    await Deno.remove(outDir, { recursive: true });
  }
}

/** The bundler writes the path of each module above its code. */
function partsOf(text: string): { sizes: Record<string, number>; files: number } {
  const sizes: Record<string, number> = {};
  const encoder = new TextEncoder();
  let part = "bundler";
  let files = 0;
  for (const line of text.split("\n")) {
    const path = /^ *\/\/ (\S+\.(?:ts|js|mjs|cjs))$/.exec(line)?.[1];
    if (path !== undefined) {
      part = partOf(path);
      files += 1;
    }
    sizes[part] = (sizes[part] ?? 0) + encoder.encode(line).length + 1;
  }
  return { sizes, files };
}

/** The package, and of zod which of its two builds; its texts in other languages by themselves. */
function partOf(path: string): string {
  const found = /\/npm\/[^/]+\/((?:@[^/]+\/)?[^/]+)\/[^/]+\/(.*)$/.exec(path);
  const [, name, file] = found ?? [];
  if (name === undefined || file === undefined) return "our own modules";
  if (name !== "zod") return name;
  const build = file.endsWith(".cjs") ? "CommonJS, for the SDK" : "ES modules, for us";
  return `zod (${build})${file.includes("/locales/") ? ", languages" : ""}`;
}

async function gzippedSize(path: string): Promise<number> {
  const stream = new Blob([await Deno.readFile(path)]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
}

async function deno(args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`Cannot run deno ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

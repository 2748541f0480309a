/** What a function is in one file, and what it is made of. @module */

import { join } from "@std/path/mod.js";
import { z } from "zod";
import { functionArgs, functionsLock } from "../../local/functions/resolution.ts";
import { ROOT } from "../../local/paths.ts";
import { withBundler } from "../../tools/bundle/bundle.ts";

export const bundleSchema = z.object({
  /** Our own modules, before anything is bundled. */
  ownModules: z.int(),
  ownBytes: z.int(),
  /** All modules of which something is in the bundle. */
  modules: z.int(),
  /** As it is deployed. */
  bytes: z.int(),
  gzippedBytes: z.int(),
  /** The same with the parts of packages that are left out. */
  wholeBytes: z.int(),
  /** Of {@link bytes}, by where they come from. */
  parts: z.record(z.string(), z.int()),
});
export type Bundle = z.infer<typeof bundleSchema>;

const infoSchema = z.object({
  modules: z.array(z.object({ specifier: z.string(), size: z.int().optional() })),
});

/** Measures each function as `npm run build:functions` bundles it. */
export async function measureBundles(
  functions: { name: string; folder: string }[],
): Promise<Map<string, Bundle>> {
  const lock = functionsLock(ROOT);
  if (lock === null) throw new Error("Cannot measure: supabase/functions/deno.lock is missing");
  const measured = new Map<string, Bundle>();
  await withBundler({ root: ROOT, lock }, async (bundle) => {
    for (const { name, folder } of functions) {
      const own = await ownModules(folder, lock);
      const { code, parts } = await bundle({ name });
      const whole = await bundle({ name, lean: false });
      measured.set(name, {
        ownModules: own.length,
        ownBytes: own.reduce((sum, { size = 0 }) => sum + size, 0),
        modules: Object.values(parts).filter((bytes) => bytes > 0).length,
        bytes: code.length,
        gzippedBytes: await gzippedSize(code),
        wholeBytes: whole.code.length,
        parts: sumParts(parts, code.length),
      });
    }
  });
  return measured;
}

async function ownModules(folder: string, lock: string) {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", ...functionArgs(folder, lock), join(folder, "index.ts")],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`Cannot measure ${folder}: ${decoder.decode(stderr)}`);
  const { modules } = infoSchema.parse(JSON.parse(decoder.decode(stdout)));
  return modules.filter(({ specifier }) => specifier.startsWith("file:"));
}

function sumParts(parts: Record<string, number>, total: number): Record<string, number> {
  const sums: Record<string, number> = {};
  let rest = total;
  for (const [path, bytes] of Object.entries(parts)) {
    const part = /^npm:((?:@[^/]+\/)?[^@/]+)@/.exec(path)?.[1] ?? "our own modules";
    sums[part] = (sums[part] ?? 0) + bytes;
    rest -= bytes;
  }
  const present = Object.entries(sums).filter(([, bytes]) => bytes > 0);
  return Object.fromEntries([...present, ["bundler", rest]]);
}

async function gzippedSize(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(stream).arrayBuffer()).byteLength;
}

/**
 * One function as one ES module that imports nothing but `node:` modules, so that nobody resolves anything after us. The
 * same sources and the same lock file give the same bytes, wherever they are.
 *
 * @module
 */

import { build, type Metafile, stop } from "esbuild";
import { join } from "@std/path/mod.js";
import { z } from "zod";
import { importMapOf, portablePath, unpackPackages } from "./packages.ts";
import { REPLACEMENTS, resolution } from "./resolution.ts";

export interface Bundle {
  code: Uint8Array<ArrayBuffer>;
  /** Leads from a place in `code` to one in the sources. */
  map: string;
  /** Bytes of `code` by the module that they come from. */
  parts: Record<string, number>;
}

export interface BundleOptions {
  name: string;
  /** With `index.ts` and `deno.json`. */
  folder: string;
  /** Default: yes. `false` keeps what no function uses, for comparison. */
  lean?: boolean;
}

/** Bundles functions of a project while `use` runs. */
export async function withBundler<T>(
  { root, lock }: { root: string; lock: string },
  use: (bundle: (options: BundleOptions) => Promise<Bundle>) => Promise<T>,
): Promise<T> {
  const temporary = await Deno.makeTempDir({ prefix: "acontext-sessions-packages-" });
  // The bundler follows links, so both have to be named by where they really are.
  const scratch = await Deno.realPath(temporary);
  const realRoot = await Deno.realPath(root);
  try {
    return await use(async ({ name, folder, lean = true }) => {
      const packages = join(scratch, name);
      await Deno.mkdir(packages, { recursive: true });
      const imports = await importMapOf(folder);
      await unpackPackages(packages, { imports, lock });
      const task = { folder: await Deno.realPath(folder), root: realRoot, packages, imports, lean };
      return await bundleOne(task);
    });
  } finally {
    await stop();
    await Deno.remove(scratch, { recursive: true });
  }
}

interface Task {
  folder: string;
  root: string;
  packages: string;
  imports: Record<string, string>;
  lean: boolean;
}

async function bundleOne(task: Task): Promise<Bundle> {
  const { folder, root, packages, imports, lean } = task;
  let usesWholeClient = false;
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [join(folder, "index.ts")],
    outfile: join(folder, "index.js"),
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    // As Deno resolves packages; `module` where a package has no "exports", so that what nobody uses falls away.
    conditions: ["deno", "node"],
    mainFields: ["module", "main"],
    target: "esnext",
    minify: true,
    // A stack trace says which function it was, and error classes keep the names they are told by.
    keepNames: true,
    lineLimit: 200,
    sourcemap: "external",
    sourcesContent: false,
    metafile: true,
    logLevel: "silent",
    // The sources' own settings are in deno.json, and none of them changes what is emitted.
    tsconfigRaw: {},
    plugins: [resolution({
      packages,
      imports,
      lean,
      onImport(importer, name) {
        if (name.startsWith("@supabase/") && !isOurs(importer)) usesWholeClient = true;
      },
    })],
  });
  // Only of our own modules do we know what they ask of the client: `DatabaseClient` in database/functions.ts.
  if (lean && usesWholeClient) return await bundleOne({ ...task, lean: false });
  const map = outputFiles.find(({ path }) => path.endsWith(".js.map"));
  const code = outputFiles.find(({ path }) => path.endsWith(".js"));
  if (map === undefined || code === undefined) throw new Error(`Cannot bundle ${folder}`);
  const parts = partsOf(metafile, { root, packages });
  return {
    code: new Uint8Array(code.contents),
    map: portableMap(map.text, { folder, root }),
    parts,
  };
}

function isOurs(path: string): boolean {
  return path.includes("/_acontext_sessions/");
}

/** @throws {Error} when something is left to be resolved, or comes from elsewhere. */
function partsOf(
  { inputs, outputs }: Metafile,
  { root, packages }: { root: string; packages: string },
): Record<string, number> {
  const [output] = Object.values(outputs).filter(({ entryPoint }) => entryPoint !== undefined);
  const open = output?.imports.find(({ path }) => !path.startsWith("node:"));
  if (output === undefined || open !== undefined) {
    throw new Error(`Cannot bundle: "${open?.path}" is left to be resolved`);
  }
  const paths = Object.keys(inputs).map((path) => [path, join(root, path)] as const);
  const stray = paths.find(([, path]) =>
    !path.startsWith(`${packages}/`) &&
    (path.includes("/node_modules/") ||
      ![root, REPLACEMENTS].some((at) => path.startsWith(`${at}/`)))
  );
  if (stray !== undefined) {
    throw new Error(`Cannot bundle: "${stray[0]}" is not from the lock file`);
  }
  return Object.fromEntries(
    paths.map(([path, absolute]) => [
      portablePath(absolute, root),
      output.inputs[path]?.bytesInOutput ?? 0,
    ]),
  );
}

const mapSchema = z.looseObject({ sources: z.array(z.string()) });

function portableMap(text: string, { folder, root }: { folder: string; root: string }): string {
  const map = mapSchema.parse(JSON.parse(text));
  const sources = map.sources.map((source) => portablePath(join(folder, source), root));
  return JSON.stringify({ ...map, sources });
}

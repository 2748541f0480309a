/**
 * One function as one ES module that imports nothing but `node:` modules, so that nobody resolves anything after us. The
 * same sources and the same lock file give the same bytes, wherever they are.
 *
 * @module
 */

import { build, type Metafile, stop } from "esbuild";
import { fromFileUrl, join } from "@std/path/mod.js";
import { cp } from "node:fs/promises";
import { z } from "zod";
import { importMapOf, packagePath, unpackPackages } from "./packages.ts";
import { resolution } from "./resolution.ts";

export interface Bundle {
  code: Uint8Array<ArrayBuffer>;
  /** Leads from a place in `code` to one in the sources. */
  map: string;
  /** Bytes of `code` by the module that they come from. */
  parts: Record<string, number>;
}

export interface BundleOptions {
  /** Of a folder in `supabase/functions`. */
  name: string;
  /** Default: yes. `false` keeps what no function uses, for comparison. */
  lean?: boolean;
}

const FUNCTIONS = join("supabase", "functions");
const REPLACEMENTS = join("tools", "bundle", "replacements");

/** Bundles functions of the project in `root` while `use` runs. */
export async function withBundler<T>(
  { root, lock }: { root: string; lock: string },
  use: (bundle: (options: BundleOptions) => Promise<Bundle>) => Promise<T>,
): Promise<T> {
  try {
    return await use(async ({ name, lean = true }) => {
      const temporary = await Deno.makeTempDir({ prefix: "acontext-sessions-bundle-" });
      try {
        // The bundler follows links, so the folder has to be named by where it really is.
        const folder = await Deno.realPath(temporary);
        await layOut(folder, root);
        const imports = await importMapOf(join(folder, FUNCTIONS, name));
        await unpackPackages(folder, { imports, lock });
        return await bundleOne({ folder, name, imports, lean });
      } finally {
        await Deno.remove(temporary, { recursive: true });
      }
    });
  } finally {
    await stop();
  }
}

/**
 * The sources by themselves: paths, some of which the bundler writes into the bundle, are the same on every machine, and
 * there is no other node_modules in which something could be found.
 */
async function layOut(folder: string, root: string): Promise<void> {
  await cp(join(root, FUNCTIONS), join(folder, FUNCTIONS), {
    recursive: true,
    filter: (path) => !/\/\.env[^/]*$/.test(path),
  });
  const replacements = fromFileUrl(new URL("./replacements", import.meta.url));
  await cp(replacements, join(folder, REPLACEMENTS), { recursive: true });
}

interface Task {
  folder: string;
  name: string;
  imports: Record<string, string>;
  lean: boolean;
}

async function bundleOne(task: Task): Promise<Bundle> {
  const { folder, name, imports, lean } = task;
  let usesWholeClient = false;
  const { outputFiles, metafile } = await build({
    absWorkingDir: folder,
    entryPoints: [join(folder, FUNCTIONS, name, "index.ts")],
    outfile: join(folder, "index.js"),
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    // As Deno resolves packages; `module` where a package has no "exports", so that what nobody uses falls away.
    conditions: ["deno", "node"],
    mainFields: ["module", "main"],
    target: "esnext",
    // All but the names: stack traces need them, and to keep them beside shorter ones costs time at each start.
    minifySyntax: true,
    minifyWhitespace: true,
    lineLimit: 200,
    sourcemap: "external",
    sourcesContent: false,
    metafile: true,
    logLevel: "silent",
    // The sources' own settings are in deno.json, and none of them changes what is emitted.
    tsconfigRaw: {},
    plugins: [resolution({
      folder,
      replacements: lean ? join(folder, REPLACEMENTS) : null,
      imports,
      onImport(importer, target) {
        const ours = importer.startsWith(join(folder, FUNCTIONS, "_acontext_sessions", "/"));
        if (target.startsWith("@supabase/") && !ours) usesWholeClient = true;
      },
    })],
  });
  // Only of the shared modules do we know what they ask of the client: `DatabaseClient` in database/functions.ts.
  if (lean && usesWholeClient) return await bundleOne({ ...task, lean: false });
  const map = outputFiles.find(({ path }) => path.endsWith(".js.map"));
  const code = outputFiles.find(({ path }) => path.endsWith(".js"));
  if (map === undefined || code === undefined) throw new Error(`Cannot bundle ${name}`);
  return {
    parts: partsOf(metafile),
    code: new Uint8Array(code.contents),
    map: portableMap(map.text),
  };
}

/** @throws {Error} when something is left to be resolved. */
function partsOf({ outputs }: Metafile): Record<string, number> {
  const output = Object.values(outputs).find(({ entryPoint }) => entryPoint !== undefined);
  const open = output?.imports.find(({ path }) => !path.startsWith("node:"));
  if (output === undefined || open !== undefined) {
    throw new Error(`Cannot bundle: "${open?.path}" is left to be resolved`);
  }
  return Object.fromEntries(
    Object.entries(output.inputs).map(([path, part]) => [packagePath(path), part.bytesInOutput]),
  );
}

const mapSchema = z.looseObject({ sources: z.array(z.string()) });

function portableMap(text: string): string {
  const map = mapSchema.parse(JSON.parse(text));
  return JSON.stringify({ ...map, sources: map.sources.map(packagePath) });
}

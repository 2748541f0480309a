/**
 * How the bundler finds modules: what the functions import through their import map, what packages import as Node would,
 * all of it in the unpacked packages.
 *
 * @module
 */

import type { OnResolveArgs, Plugin } from "esbuild";
import { join } from "@std/path/mod.js";
import { type ImportMap, withoutVersion } from "./packages.ts";

/** The parts of supabase-js that are left out, by the module that stands for them. */
const LEFT_OUT = new Map([
  ["@supabase/auth-js", "auth"],
  ["@supabase/realtime-js", "realtime"],
  ["@supabase/storage-js", "storage"],
]);

export interface ResolutionOptions {
  /** Has the `node_modules`. */
  folder: string;
  /** Where the modules are that stand for what is left out; null leaves nothing out. */
  replacements: string | null;
  imports: ImportMap;
  /** Is told which module of ours imports which package. */
  onImport: (importer: string, target: string) => void;
}

/** Marks a question of ours, which the bundler answers by itself. */
const asked = Symbol();

export function resolution(options: ResolutionOptions): Plugin {
  const { folder, replacements, imports, onImport } = options;
  return {
    name: "functions",
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, (args) => {
        if (args.pluginData === asked) return undefined;
        if (args.path.startsWith("node:")) return { path: args.path, external: true };
        if (args.importer.includes("/node_modules/")) {
          const name = replacements === null ? undefined : replacementFor(args);
          return name === undefined ? undefined : { path: join(replacements ?? "", `${name}.ts`) };
        }
        const target = withoutVersion(imports[args.path] ?? "");
        if (target === null) {
          return { errors: [{ text: `"${args.path}" is not in the functions' import map` }] };
        }
        onImport(args.importer, target);
        return build.resolve(target, { kind: args.kind, resolveDir: folder, pluginData: asked });
      });
    },
  };
}

/** The SDK is CommonJS; zod's own modules and those of ours are not. */
function replacementFor({ path, kind }: OnResolveArgs): string | undefined {
  return path === "zod" && kind === "require-call" ? "zod" : LEFT_OUT.get(path);
}

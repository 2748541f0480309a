/**
 * How the bundler finds modules: what the functions import through their import map, what packages import as Node would,
 * all of it in the unpacked packages.
 *
 * @module
 */

import type { OnResolveArgs, OnResolveResult, Plugin } from "esbuild";
import { fromFileUrl, join } from "@std/path/mod.js";
import { type ImportMap, withoutVersion } from "./packages.ts";

/** Modules that stand for what is left out. */
export const REPLACEMENTS: string = fromFileUrl(new URL("./replacements", import.meta.url));

/** The part of supabase-js that is left out, by the module that it is. */
const LEFT_OUT = new Map([
  ["@supabase/realtime-js", "realtime"],
  ["@supabase/storage-js", "storage"],
]);

export interface ResolutionOptions {
  /** Below it is what the packages are unpacked to. */
  packages: string;
  imports: ImportMap;
  /** Replace what the functions do not use. */
  lean: boolean;
  /** Is told which module of ours imports which package. */
  onImport: (importer: string, name: string) => void;
}

/** Marks a question of ours, which the bundler answers by itself. */
const asked = Symbol();

export function resolution({ packages, imports, lean, onImport }: ResolutionOptions): Plugin {
  const isPackage = (path: string) => path.startsWith(`${packages}/`);
  return {
    name: "functions",
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, (args) => {
        if (args.pluginData === asked || args.kind === "entry-point") return undefined;
        if (args.path.startsWith("node:")) return { path: args.path, external: true };
        if (isPackage(args.importer)) return lean ? replacement(args) : undefined;
        const target = withoutVersion(imports[args.path] ?? "");
        if (target === null) {
          return { errors: [{ text: `"${args.path}" is not in the functions' import map` }] };
        }
        onImport(args.importer, target);
        return build.resolve(target, {
          kind: args.kind,
          resolveDir: packages,
          pluginData: asked,
        });
      });
    },
  };
}

function replacement({ path, kind }: OnResolveArgs): OnResolveResult | undefined {
  const name = path === "zod" && kind === "require-call" ? "zod" : LEFT_OUT.get(path);
  if (name === undefined) return undefined;
  return { path: join(REPLACEMENTS, `${name}.ts`) };
}

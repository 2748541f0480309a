/**
 * The layers of the functions: which folder may know which others and which packages, and that nothing goes round in a
 * circle. The table below is the design.
 *
 * @module
 */

import { readdirSync } from "node:fs";
import { dirname, join, normalize } from "@std/path/posix/mod.js";
import { ROOT } from "../../local/paths.ts";
import type { Report } from "./report.ts";

const SHARED = "_acontext_sessions";
/** A name for the core's root and all its subjects. */
const CORE = "core/*";

interface Layer {
  folders: readonly string[];
  packages: readonly string[];
}

/** By folder below `_acontext_sessions`; `wiring` is the file. What a folder may import besides itself. */
const LAYERS: Readonly<Record<string, Layer>> = {
  "core": { folders: [], packages: [] },
  "core/cleanup": { folders: ["core"], packages: [] },
  "core/sessions": { folders: ["core", "core/cleanup"], packages: [] },
  "core/messages": { folders: ["core", "core/sessions", "core/messages/formats"], packages: [] },
  "core/messages/formats": { folders: ["core"], packages: [] },
  "core/files": { folders: ["core", "core/sessions"], packages: [] },
  "core/reconcile": { folders: ["core", "core/cleanup"], packages: [] },
  "core/health": { folders: ["core"], packages: ["zod"] },
  "acontext": { folders: [CORE], packages: ["@acontext/acontext", "zod"] },
  "database": { folders: [CORE], packages: ["@supabase/supabase-js", "zod"] },
  "contract": { folders: [CORE], packages: ["zod"] },
  "runtime": { folders: [CORE], packages: ["@supabase/server", "zod"] },
  "http": {
    folders: [CORE, "contract", "runtime"],
    packages: ["@supabase/server/core", "@supabase/supabase-js/cors", "node:buffer", "zod"],
  },
  "wiring": {
    folders: [CORE, "acontext", "database", "runtime"],
    packages: ["@supabase/server/core"],
  },
  "wiring_messages": { folders: [CORE, "acontext", "runtime", "wiring"], packages: [] },
};
/** What each function may import besides its own folder. */
const FUNCTION: Layer = {
  folders: [CORE, "contract", "http", "runtime", "wiring", "wiring_messages"],
  packages: ["zod"],
};

/** What would tie the core to a runtime, or make it play differently each time; it gets all this through its ports. */
const NOT_IN_CORE =
  /\b(Deno|Request|Response|fetch|setTimeout|setInterval|performance|Date\.now|Math\.random|randomUUID)\b/;

const COMMENT_OR_STRING = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
const IMPORT = /\b(?:from|import)\s*\(?\s*"([^"]+)"/g;

export async function checkLayers(report: Report): Promise<void> {
  const folder = join(ROOT, "supabase", "functions");
  const files = new Map<string, string>();
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = name.replaceAll("\\", "/");
    if (path.endsWith(".ts")) files.set(path, await Deno.readTextFile(join(folder, path)));
  }
  const problems = layerProblems(files);
  report.add("layers", problems.length === 0 ? null : problems.join("\n"));
}

/** @param files Source texts by path below `supabase/functions`. */
export function layerProblems(files: ReadonlyMap<string, string>): string[] {
  const problems: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [path, text] of files) {
    const imports = importsOf(text);
    const own = imports.filter(isRelative).map((name) => normalize(join(dirname(path), name)));
    graph.set(path, own);
    problems.push(
      ...problemsOf(path, { own, packages: imports.filter((name) => !isRelative(name)) }),
    );
    const name = partOf(path).startsWith("core") && NOT_IN_CORE.exec(codeOf(text))?.[0];
    if (name) problems.push(`${path} uses ${name}`);
  }
  return [...problems, ...circlesIn(graph).map((circle) => `circle: ${circle.join(" → ")}`)];
}

function problemsOf(
  path: string,
  { own, packages }: { own: string[]; packages: string[] },
): string[] {
  const part = partOf(path);
  const layer = path.startsWith(`${SHARED}/`) ? LAYERS[part] : FUNCTION;
  if (layer === undefined) return [`${path} is in a folder that is no layer`];
  return [
    ...own.filter((target) => !mayImport(layer, { part, target: partOf(target) })),
    ...packages.filter((name) => !layer.packages.includes(name)),
  ].map((target) => `${path} may not import ${target}`);
}

function mayImport(
  { folders }: Layer,
  { part, target }: { part: string; target: string },
): boolean {
  return target === part || folders.includes(target) ||
    (folders.includes(CORE) && (target === "core" || target.startsWith("core/")));
}

/** The folder that says what a file may do; for a function, its name. */
function partOf(path: string): string {
  const [top = "", ...rest] = path.split("/");
  if (top !== SHARED) return top;
  return rest.length === 1 ? rest[0]?.replace(/\.ts$/, "") ?? "" : rest.slice(0, -1).join("/");
}

function importsOf(text: string): string[] {
  const withoutComments = text.replace(
    COMMENT_OR_STRING,
    (found) => found.startsWith("/") ? "" : found,
  );
  return [...withoutComments.matchAll(IMPORT)].map(([, name = ""]) => name);
}

function codeOf(text: string): string {
  return text.replace(COMMENT_OR_STRING, "");
}

function isRelative(name: string): boolean {
  return name.startsWith(".");
}

/** One circle for each place where a walk comes back to where it has been. */
function circlesIn(graph: ReadonlyMap<string, string[]>): string[][] {
  const circles: string[][] = [];
  const done = new Set<string>();
  const trail: string[] = [];

  function visit(path: string): void {
    if (done.has(path)) return;
    const start = trail.indexOf(path);
    if (start >= 0) {
      circles.push([...trail.slice(start), path]);
      return;
    }
    trail.push(path);
    for (const target of graph.get(path) ?? []) visit(target);
    trail.pop();
    done.add(path);
  }

  for (const path of graph.keys()) visit(path);
  return circles;
}

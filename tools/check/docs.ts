/**
 * Are the Markdown pages readable as source and true where a machine can tell: table widths, links, numbers, test names.
 *
 * @module
 */

import type { Report } from "./report.ts";

const ROOT = new URL("../../", import.meta.url);
const SKIPPED = ["node_modules", "dist", ".git", ".local"];
const TABLE_WIDTH = 160;
const README_LINES = 150;
const DECISIONS = "docs/decisions/";

/** What the rules need to know of the project. Paths are relative to its root, with "/" between names. */
export interface Docs {
  /** Text by path, of all Markdown files. */
  pages: Map<string, string>;
  /** The text of a file, "" for a folder, null when there is no such thing. */
  read(path: string): string | null;
}

export async function checkDocs(report: Report): Promise<void> {
  const pages = new Map<string, string>();
  for await (const path of markdownFiles("")) {
    pages.set(path, await Deno.readTextFile(new URL(path, ROOT)));
  }
  const docs = { pages, read };
  report.add("tables in Markdown are at most 160 wide", lines(wideTables(docs)));
  report.add("README.md has at most 150 lines", lines(longReadme(docs)));
  report.add("links in Markdown lead somewhere", lines(brokenLinks(docs)));
  report.add("decisions are numbered without a gap and listed", lines(misnumbered(docs)));
  report.add("tests that Markdown quotes exist", lines(missingTests(docs)));
}

export function wideTables({ pages }: Docs): string[] {
  return [...pages].flatMap(([path, text]) =>
    withoutCode(text).split("\n").flatMap((line, index) =>
      /^\s*\|/.test(line) && line.length > TABLE_WIDTH
        ? [`${path}:${index + 1}: a table line of ${line.length} characters`]
        : []
    )
  );
}

export function longReadme({ pages }: Docs): string[] {
  const count = (pages.get("README.md") ?? "").trimEnd().split("\n").length;
  return count > README_LINES ? [`README.md: ${count} lines`] : [];
}

export function brokenLinks(docs: Docs): string[] {
  return [...docs.pages].flatMap(([path, text]) =>
    linksOf(text).flatMap(({ line, target }) => {
      const problem = linkProblem(docs, path, target);
      return problem === null ? [] : [`${path}:${line}: ${target}: ${problem}`];
    })
  );
}

/** A decision is a file `NNNN-name.md` with the heading `# NNNN …`, and the index links to it. */
export function misnumbered({ pages }: Docs): string[] {
  const names = [...pages.keys()].filter((path) => path.startsWith(DECISIONS))
    .map((path) => path.slice(DECISIONS.length)).filter((name) => name !== "README.md").toSorted();
  const index = linksOf(pages.get(`${DECISIONS}README.md`) ?? "").map(({ target }) => target);
  return names.flatMap((name, position) => {
    const number = String(position + 1).padStart(4, "0");
    if (!name.startsWith(`${number}-`)) return [`${DECISIONS}${name}: should be number ${number}`];
    const titled = pages.get(`${DECISIONS}${name}`)?.startsWith(`# ${number} `);
    return [
      ...(titled ? [] : [`${DECISIONS}${name}: the heading does not begin with ${number}`]),
      ...(index.includes(name) ? [] : [`${DECISIONS}${name}: not in the index`]),
    ];
  });
}

/** A list item that begins with a link to a test file quotes titles of its tests. "…" stands for anything. */
export function missingTests({ pages, read }: Docs): string[] {
  return [...pages].flatMap(([path, text]) =>
    [...text.matchAll(/^- \[[^\]]+\]\(([^)#]+\.test\.(?:ts|sql))\)((?:.+\n?)(?: {2}.+\n?)*)/gm)]
      .flatMap(([, target = "", rest = ""]) => {
        const source = read(resolve(path, target)) ?? "";
        const flat = source.replaceAll("''", "'");
        const titles = [...rest.replace(/\s+/g, " ").matchAll(/"([^"]+)"/g)];
        return titles.map(([, title = ""]) => title)
          .filter((title) => !title.split("…").every((part) => flat.includes(part.trim())))
          .map((title) => `${path}: no test in ${target} has the title "${title}"`);
      })
  );
}

function lines(problems: string[]): string | null {
  return problems.length === 0 ? null : problems.join("\n");
}

function linkProblem({ pages, read }: Docs, from: string, target: string): string | null {
  if (/^[a-z]+:/.test(target)) return null;
  const [file = "", anchor] = target.split("#");
  const path = file === "" ? from : resolve(from, decodeURIComponent(file));
  if (read(path) === null) return "no such file";
  if (anchor === undefined) return null;
  return anchorsOf(pages.get(path) ?? "").has(anchor) ? null : "no such heading";
}

/** A path in a link of `from`, from the project's root. */
function resolve(from: string, target: string): string {
  return new URL(target, new URL(from, "file:///")).pathname.slice(1).replace(/\/$/, "");
}

function linksOf(text: string): { line: number; target: string }[] {
  const prose = withoutCode(text);
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(({ index, 1: target = "" }) => ({
    line: prose.slice(0, index).split("\n").length,
    target,
  }));
}

/** As GitHub names headings: lower case, no punctuation, hyphens for spaces, numbers for repeated ones. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ""] of withoutCode(text).matchAll(/^#{1,6} +(.+)$/gm)) {
    const slug = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, "").trim().replaceAll(" ", "-");
    let name = slug;
    for (let n = 1; anchors.has(name); n++) name = `${slug}-${n}`;
    anchors.add(name);
  }
  return anchors;
}

/** Blanks what is between fences, and keeps the lines. */
function withoutCode(text: string): string {
  return text.replace(
    /^( *)(`{3,}).*\n[\s\S]*?^\1\2 *$/gm,
    (code) => code.replace(/[^\n]/g, ""),
  );
}

function read(path: string): string | null {
  const url = new URL(path, ROOT);
  try {
    return Deno.statSync(url).isDirectory ? "" : Deno.readTextFileSync(url);
  } catch {
    return null;
  }
}

async function* markdownFiles(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(`./${folder}`, ROOT))) {
    if (isDirectory && !SKIPPED.includes(name)) yield* markdownFiles(`${folder}${name}/`);
    else if (name.endsWith(".md")) yield `${folder}${name}`;
  }
}

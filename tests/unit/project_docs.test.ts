import { assertEquals, assertMatch } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { z } from "zod";
import { ROOT } from "../../local/paths.ts";

const manifestSchema = z.object({
  version: z.string(),
  scripts: z.record(z.string(), z.string()).default({}),
});

async function readManifest(path: string) {
  return manifestSchema.parse(JSON.parse(await Deno.readTextFile(join(ROOT, path))));
}

async function* readPages(): AsyncGenerator<[path: string, text: string]> {
  for (const folder of ["", "docs", "docs/decisions", "client"]) {
    for await (const { name } of Deno.readDir(join(ROOT, folder))) {
      const path = join(folder, name);
      if (name.endsWith(".md")) yield [path, await Deno.readTextFile(join(ROOT, path))];
    }
  }
}

Deno.test("every npm command that a page names exists", async () => {
  const { scripts } = await readManifest("package.json");
  const missing: string[] = [];
  let seen = 0;
  for await (const [path, text] of readPages()) {
    for (const [, name = ""] of text.matchAll(/npm run (?:--silent )?([a-z][\w:-]*)/g)) {
      seen++;
      if (!(name in scripts)) missing.push(`${path}: npm run ${name}`);
    }
  }
  assertEquals([seen > 0, missing], [true, []]);
});

Deno.test("the changelog has the version of the project and of the client as its newest", async () => {
  const changelog = await Deno.readTextFile(join(ROOT, "CHANGELOG.md"));
  const headings = [...changelog.matchAll(/^## (.+)$/gm)].map(([, heading = ""]) => heading);
  assertEquals(headings[0], "[Unreleased]");
  const { version } = await readManifest("package.json");
  assertEquals((await readManifest("client/package.json")).version, version);
  assertMatch(headings[1] ?? "", new RegExp(`^\\[${version}\\] - \\d{4}-\\d{2}-\\d{2}$`));
});

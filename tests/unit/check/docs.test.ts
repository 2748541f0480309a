import { assertEquals } from "@std/assert/mod.js";
import {
  brokenLinks,
  type Docs,
  longReadme,
  misnumbered,
  missingTests,
  wideTables,
} from "../../../tools/check/docs.ts";

function docs(pages: Record<string, string>, others: Record<string, string> = {}): Docs {
  const all: Record<string, string> = { ...others, ...pages };
  return { pages: new Map(Object.entries(pages)), read: (path) => all[path] ?? null };
}

Deno.test("wideTables() finds table lines above 160 characters, and none in code", () => {
  const row = (width: number) => `|${"x".repeat(width - 2)}|`;
  const text = `${row(160)}\n  ${row(159)}\n\`\`\`\n${row(170)}\n\`\`\`\n${"x".repeat(170)}\n`;
  assertEquals(wideTables(docs({ "a.md": text })), [
    "a.md:2: a table line of 161 characters",
  ]);
});

Deno.test("longReadme() allows 150 lines", () => {
  assertEquals(longReadme(docs({ "README.md": "x\n".repeat(150) })), []);
  assertEquals(longReadme(docs({ "README.md": "x\n".repeat(151) })), ["README.md: 151 lines"]);
});

Deno.test("brokenLinks() finds files and headings that are not there", () => {
  const page = `# One \`two\`: three_four

See [a](b.md), [b](b.md#again-1), [here](#one-two-three_four), [up](../x.ts), [out](https://a.b/c#d),
[a
folder](..), [gone](c.md), [none](b.md#missing), [nowhere](#x), [absolute](/b.md).

\`\`\`ts
const notALink = f[0](missing.md);
\`\`\`
`;
  const found = brokenLinks(docs(
    { "docs/a.md": page, "docs/b.md": "## Again\n\n## Again\n\n```\n# Missing\n```\n" },
    { "x.ts": "", "": "" },
  ));
  assertEquals(found, [
    "docs/a.md:5: c.md: no such file",
    "docs/a.md:5: b.md#missing: no such heading",
    "docs/a.md:5: #x: no such heading",
    "docs/a.md:5: /b.md: no such file",
  ]);
});

Deno.test("misnumbered() wants decisions without a gap, with their number, in the index", () => {
  const index = "[1](0001-a.md) [2](0002-b.md) [4](0004-d.md)";
  const pages = {
    "docs/decisions/README.md": index,
    "docs/decisions/0001-a.md": "# 0001 A\n",
    "docs/decisions/0002-b.md": "# 0001 B\n",
    "docs/decisions/0003-c.md": "# 0003 C\n",
    "docs/decisions/0005-d.md": "# 0005 D\n",
  };
  assertEquals(misnumbered(docs(pages)), [
    "docs/decisions/0002-b.md: the heading does not begin with 0002",
    "docs/decisions/0003-c.md: not in the index",
    "docs/decisions/0005-d.md: should be number 0004",
  ]);
});

Deno.test("missingTests() finds quoted titles that no test has", () => {
  const page = `- [x](../x.test.ts): "f() does A when
  B", "f() … x times", "f() does C".
- [y](../y.test.sql): "it's done"

"not a title"
`;
  const tests = {
    "x.test.ts": 'test("f() does A when B"); test(`f() runs ${n} x times`)',
    "y.test.sql": "select ok(true, 'it''s done')",
  };
  assertEquals(missingTests(docs({ "docs/a.md": page }, tests)), [
    'docs/a.md: no test in ../x.test.ts has the title "f() does C"',
  ]);
});

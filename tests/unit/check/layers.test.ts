import { assertEquals } from "@std/assert/mod.js";
import { layerProblems } from "../../../tools/check/layers.ts";

const S = "_acontext_sessions";

function problems(files: Record<string, string>): string[] {
  return layerProblems(new Map(Object.entries(files)));
}

Deno.test("layers may be used from above", () => {
  assertEquals(
    problems({
      [`${S}/core/ports.ts`]: "export interface Clock { now(): number }",
      [`${S}/core/sessions/delete.ts`]:
        'import type { Clock } from "../ports.ts";\nimport { a } from "../cleanup/a.ts";',
      [`${S}/core/cleanup/a.ts`]: "",
      [`${S}/acontext/calls.ts`]:
        'import { AcontextClient } from "@acontext/acontext";\nimport "../core/sessions/delete.ts";',
      [`${S}/http/serve.ts`]: 'import { env } from "../runtime/env.ts";',
      [`${S}/runtime/env.ts`]: "Deno.env",
      [`${S}/wiring.ts`]: 'import "./acontext/calls.ts"; import "./core/ports.ts";',
      "create-session/index.ts":
        `import "../${S}/wiring.ts"; import "../${S}/core/sessions/delete.ts"; import "./routes.ts";`,
      "create-session/routes.ts": `import "../${S}/http/serve.ts";`,
    }),
    [],
  );
});

const WRONG: [why: string, path: string, text: string, problem: string][] = [
  [
    "the core knows an adapter",
    `${S}/core/sessions/a.ts`,
    'import "../../database/sessions.ts";',
    `${S}/core/sessions/a.ts may not import ${S}/database/sessions.ts`,
  ],
  [
    "the cleanup knows sessions",
    `${S}/core/cleanup/a.ts`,
    'export * from "../sessions/ports.ts";',
    `${S}/core/cleanup/a.ts may not import ${S}/core/sessions/ports.ts`,
  ],
  [
    "the core's root knows a subject",
    `${S}/core/lease.ts`,
    'const a = await import("./cleanup/ports.ts");',
    `${S}/core/lease.ts may not import ${S}/core/cleanup/ports.ts`,
  ],
  [
    "the core knows a package",
    `${S}/core/ids.ts`,
    'import type { Thing } from "@acontext/acontext";',
    `${S}/core/ids.ts may not import @acontext/acontext`,
  ],
  [
    "an adapter knows the other",
    `${S}/acontext/a.ts`,
    'import {\n  a,\n} from "../database/a.ts";',
    `${S}/acontext/a.ts may not import ${S}/database/a.ts`,
  ],
  [
    "the wiring knows the boundary",
    `${S}/wiring.ts`,
    'import "./http/serve.ts";',
    `${S}/wiring.ts may not import ${S}/http/serve.ts`,
  ],
  [
    "a function knows an adapter",
    "create-session/index.ts",
    `import "../${S}/database/sessions.ts";`,
    `create-session/index.ts may not import ${S}/database/sessions.ts`,
  ],
  [
    "a function knows another function",
    "create-session/index.ts",
    'import "../delete-session/routes.ts";',
    "create-session/index.ts may not import delete-session/routes.ts",
  ],
  [
    "a folder is new",
    `${S}/utils/a.ts`,
    "",
    `${S}/utils/a.ts is in a folder that is no layer`,
  ],
  [
    "the core uses the runtime",
    `${S}/core/files/a.ts`,
    "/** No Request here. */\nexport const a = Deno.env;",
    `${S}/core/files/a.ts uses Deno`,
  ],
  [
    "the core reads a clock of its own",
    `${S}/core/cleanup/a.ts`,
    "export const a = Date.now();",
    `${S}/core/cleanup/a.ts uses Date.now`,
  ],
];

for (const [why, path, text, problem] of WRONG) {
  Deno.test(`layers are reported as wrong when ${why}`, () => {
    assertEquals(problems({ [path]: text }), [problem]);
  });
}

Deno.test("words in comments and texts are no use of what they name", () => {
  assertEquals(
    problems({
      [`${S}/core/a.ts`]: '// Deno, "../acontext/a.ts"\nconst a = "a Request"; // import "x"',
    }),
    [],
  );
});

Deno.test("a circle is reported once, with the whole way round", () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => `${S}/http/${name}.ts`);
  assertEquals(
    problems({
      [a ?? ""]: 'import type { B } from "./b.ts";',
      [b ?? ""]: 'import "./c.ts";',
      [c ?? ""]: 'import "./a.ts";',
      [`${S}/http/d.ts`]: 'import "./a.ts";',
    }),
    [`circle: ${a} → ${b} → ${c} → ${a}`],
  );
});

import { assertRejects, assertStringIncludes } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { startStack } from "../../local/stack.ts";
import { createProject, stackTest } from "./fixture.ts";

/** What the start of a stack says when the function `open` is this. */
async function startWith(files: Record<string, string>): Promise<string> {
  const projectDir = await createProject();
  const dataDir = await Deno.makeTempDir({ prefix: "stack-data-" });
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(join(projectDir, "supabase", "functions", name), text);
    }
    const error = await assertRejects(
      async () => {
        const stack = await startStack({ projectDir, dataDir, ports: "free" });
        await stack.stop();
      },
      Error,
    );
    return error.message;
  } finally {
    await Deno.remove(dataDir, { recursive: true });
    await Deno.remove(projectDir, { recursive: true });
  }
}

const BROKEN = [
  { what: "has a syntax error", index: "export default {", says: "open/index.ts:1:" },
  {
    what: "throws while it is imported",
    index: 'throw new TypeError("no key"); export default { fetch() {} };',
    says: "TypeError: no key",
  },
  {
    what: "ends while it is imported",
    index: "Deno.exit(4); export default { fetch() {} };",
    says: "(it said nothing)",
  },
  { what: "exports nothing to call", index: "export default {};", says: "export default { fetch" },
];

for (const { what, index, says } of BROKEN) {
  stackTest(`a stack does not start with a function that ${what}, and says so`, async () => {
    const message = await startWith({ "open/index.ts": index });
    assertStringIncludes(message, 'Cannot start function "open":');
    assertStringIncludes(message, says);
    assertStringIncludes(message, "Correct it in supabase/functions/open, then start again.");
  });
}

stackTest(
  "a stack fetches nothing for a function: a package that is not there is named",
  async () => {
    const message = await startWith({
      "open/index.ts": 'import odd from "npm:acontext-sessions-no-such-package@1.0.0";\n' +
        "export default { fetch: () => Response.json(odd) };",
    });
    assertStringIncludes(message, 'Cannot start function "open":');
    assertStringIncludes(message, "acontext-sessions-no-such-package");
    assertStringIncludes(message, "npm run check -- --fix");
  },
);

stackTest(
  "a stack does not start with a function whose packages the lock file does not hold",
  async () => {
    const message = await startWith({
      "deno.lock": '{ "version": "5" }',
      "open/index.ts": 'import { z } from "npm:zod@4.6.7";\n' +
        "export default { fetch: () => Response.json(z) };",
    });
    assertStringIncludes(message, 'Cannot start function "open":');
    assertStringIncludes(message, "npm run check -- --fix");
  },
);

stackTest("a stack that does not start names every function that keeps it from it", async () => {
  const message = await startWith({
    "open/index.ts": 'throw new Error("first"); export default {};',
    "private/index.ts": 'throw new Error("second"); export default {};',
  });
  assertStringIncludes(message, "first");
  assertStringIncludes(message, "second");
});

import {
  assert,
  assertEquals,
  assertMatch,
  assertObjectMatch,
  assertRejects,
} from "@std/assert/mod.js";
import { cp } from "node:fs/promises";
import { SourceMap } from "node:module";
import { join } from "@std/path/mod.js";
import { findFunctions } from "../../../local/functions/environment.ts";
import { ROOT } from "../../../local/paths.ts";
import { withBundler } from "../../../tools/bundle/bundle.ts";
import { buildFunctions } from "../../../tools/bundle/project.ts";
import { bundleOf, LOCK, runAlone, withFolder } from "./fixtures.ts";

const BUDGET_BYTES = 450_000;
/** It alone converts messages between four formats. */
const MESSAGES_BUDGET_BYTES = 500_000;

Deno.test("each function is built into one file within the budget, and answers where nothing can be resolved", async () => {
  await withFolder(async (outDir) => {
    const built = await buildFunctions(outDir);
    assertEquals(
      built.map(({ name }) => name),
      (await findFunctions(ROOT)).map(({ name }) => name),
    );
    for (const { name, path, bytes } of built) {
      const folder = [...Deno.readDirSync(join(outDir, path, ".."))].map((file) => file.name);
      assertEquals(folder, ["index.js"]);
      assertEquals((await Deno.stat(join(outDir, path))).size, bytes);
      const budget = name === "session-messages" ? MESSAGES_BUDGET_BYTES : BUDGET_BYTES;
      assert(bytes <= budget, `${name} has ${bytes} bytes`);
      // Not even a module of the runtime is loaded before a request needs it.
      assert(!/\bfrom"/.test(await Deno.readTextFile(join(outDir, path))), name);
      const { out, error } = await runAlone(
        `import edgeFunction from "./index.js";
const request = new Request("http://x.test/${name}", { method: "OPTIONS" });
console.log((await edgeFunction.fetch(request)).status);`,
        join(outDir, path),
      );
      assertEquals(error, "");
      assertEquals(out, "204");
    }
  });
});

Deno.test("the same sources and lock file make the same bytes and the same map, wherever they are", async () => {
  const hashes: string[][] = [];
  async function add(root: string): Promise<void> {
    await withBundler({ root, lock: LOCK }, async (bundle) => {
      const { code, map } = await bundle({ name: "create-session" });
      const bytes = [code, new TextEncoder().encode(map)];
      hashes.push(
        await Promise.all(
          bytes.map(async (each) =>
            new Uint8Array(await crypto.subtle.digest("SHA-256", each)).toHex()
          ),
        ),
      );
    });
  }
  await add(ROOT);
  await withFolder(async (elsewhere) => {
    const functions = join("supabase", "functions");
    await cp(join(ROOT, functions), join(elsewhere, functions), { recursive: true });
    await add(elsewhere);
  });
  assertEquals(hashes[0], hashes[1]);
});

Deno.test("a lock file that does not fit the import map is refused", async () => {
  await withFolder(async (folder) => {
    const lock = join(folder, "deno.lock");
    const text = await Deno.readTextFile(LOCK);
    await Deno.writeTextFile(lock, text.replaceAll("zod@4.6.7", "zod@4.6.6"));
    await assertRejects(
      () => withBundler({ root: ROOT, lock }, (bundle) => bundle({ name: "create-session" })),
      Error,
      "Cannot unpack the functions' packages",
    );
  });
});

Deno.test("a package that the import map lacks is refused, even when a node_modules has it", async () => {
  await assertRejects(
    () => bundleOf({ "extra/index.ts": 'import * as jose from "jose"; console.log(jose);' }),
    Error,
    `"jose" is not in the functions' import map`,
  );
});

Deno.test("a stack trace names our functions, and the map leads from it to the line in the sources", async () => {
  const bundle = await bundleOf({
    "extra/index.ts": `import { fail } from "../_acontext_sessions/fail.ts";\nfail(1);\n`,
    "_acontext_sessions/fail.ts":
      "/** Not a first line. */\nexport function fail(n: number): never {\n" +
      "  class OddError extends Error { override name = this.constructor.name; }\n" +
      "  throw new OddError(`on purpose ${n}`);\n}\n",
  });
  const { error } = await runAlone(bundle.code);
  assertMatch(error, /OddError: on purpose 1/);
  const [, line, column] = /at fail \(.*?:(\d+):(\d+)\)/.exec(error) ?? [];
  assert(line !== undefined && column !== undefined, error);
  const map = new SourceMap(JSON.parse(bundle.map));
  assertObjectMatch(map.findEntry(Number(line) - 1, Number(column) - 1), {
    originalSource: "supabase/functions/_acontext_sessions/fail.ts",
    originalLine: 3,
  });
});

Deno.test("what is left out of the bundles throws as soon as somebody uses it", async () => {
  const make = (use: string) =>
    bundleOf({
      "extra/index.ts": 'import "../_acontext_sessions/use.ts";',
      "_acontext_sessions/use.ts": `import { createAdminClient } from "@supabase/server/core";
const env = { url: "http://127.0.0.1:9", secretKeys: { default: "sb_secret_x" } };
const client = createAdminClient({ env, supabaseOptions: { global: { fetch: () => Promise.resolve(Response.json(7)) } } });
const { data } = await client.rpc("seven");
console.log(data);
try { ${use} } catch (error) { console.log(error.message); }
Deno.exit(0);`,
    });
  for (
    const [use, name] of [
      ['client.storage.from("bucket")', "supabase.storage.from"],
      ['client.channel("room")', "supabase.realtime.channel"],
      ["client.auth.getUser()", "supabase.auth.getUser"],
      ["client.realtime.timeout = 1", "supabase.realtime.timeout"],
    ] as const
  ) {
    const { out, error } = await runAlone((await make(use)).code);
    assertEquals(error, "");
    assertEquals(
      out,
      `7\nCannot use ${name}: this bundle leaves it out, see tools/bundle/replacements`,
    );
  }
});

Deno.test("a function that takes the client for itself gets all of it", async () => {
  const bundle = await bundleOf({
    "extra/index.ts": `import { createClient } from "@supabase/supabase-js";
const client = createClient("http://127.0.0.1:9", "sb_secret_x", { auth: { persistSession: false, autoRefreshToken: false } });
console.log(client.storage.from("bucket").getPublicUrl("a.txt").data.publicUrl, client.channel("room").topic);
Deno.exit(0);`,
  });
  const { out, error } = await runAlone(bundle.code);
  assertEquals(error, "");
  assertEquals(
    out,
    "http://127.0.0.1:9/storage/v1/object/public/bucket/a.txt realtime:room",
  );
});

Deno.test("zod is in a bundle once, without its texts in other languages", async () => {
  await withBundler({ root: ROOT, lock: LOCK }, async (bundle) => {
    const { parts } = await bundle({ name: "create-session" });
    const present = Object.entries(parts).filter(([, bytes]) => bytes > 0).map(([path]) => path);
    const zod = present.filter((path) => path.startsWith("npm:zod@"));
    assert(zod.some((path) => path.endsWith("/v4/classic/schemas.js")));
    assertEquals(zod.filter((path) => path.endsWith(".cjs")), []);
    const languages = zod.filter((path) => /\/locales\/(?!en\.js|index\.js)/.test(path));
    assertEquals(languages, []);
  });
});

import { assertEquals } from "@std/assert/mod.js";
import { cleanupBody } from "../../../supabase/functions/_acontext_sessions/contract/cleanup.ts";
import { createSessionBody } from "../../../supabase/functions/_acontext_sessions/contract/sessions.ts";
import { isId, parseId } from "../../../supabase/functions/_acontext_sessions/core/ids.ts";

const ID = "11111111-2222-4333-8444-55555555abcd";
const NIL = "00000000-0000-0000-0000-000000000000";

/** The path of the first thing that is wrong, or null when nothing is. */
function wrong(body: unknown): string | null {
  const issue = createSessionBody.safeParse(body).error?.issues[0];
  if (issue === undefined) return null;
  return issue.code === "unrecognized_keys" ? issue.keys.join() : issue.path.join(".");
}

function nested(levels: number): unknown {
  let value: unknown = {};
  for (let i = 1; i < levels; i++) value = { a: value };
  return value;
}

Deno.test("parseId() accepts any UUID but the nil one and lower-cases it", () => {
  assertEquals(parseId(ID.toUpperCase()), ID);
  assertEquals(parseId("ffffffff-ffff-ffff-ffff-ffffffffffff")?.length, 36);
  for (const text of [NIL, "", "x", ` ${ID}`, `${ID}\n`, `{${ID}}`, ID.replaceAll("-", "")]) {
    assertEquals(parseId(text), null, text);
  }
  assertEquals([isId(ID), isId(ID.toUpperCase()), isId(NIL)], [true, false, false]);
});

Deno.test("createSessionBody fills in every field but the id", () => {
  assertEquals(createSessionBody.parse({}), {
    title: null,
    metadata: {},
    ttl: null,
    pinned: false,
  });
  assertEquals(createSessionBody.parse({ id: ID.toUpperCase(), title: null, ttl: null }).id, ID);
});

Deno.test("createSessionBody keeps what it accepts as it is", () => {
  const body = JSON.parse(
    '{"title":"ünï 😀","metadata":{"a":[1,null,true,{"b":""}],"__proto__":{"c":1}},"ttl":60,"pinned":true}',
  );
  assertEquals(JSON.stringify(createSessionBody.parse(body)), JSON.stringify(body));
});

Deno.test("createSessionBody names the field that is wrong", () => {
  const cases: [unknown, string][] = [
    [null, ""],
    [[], ""],
    ["x", ""],
    [{ extra: 1 }, "extra"],
    [JSON.parse('{"__proto__":1}'), "__proto__"],
    [{ id: NIL }, "id"],
    [{ id: "x" }, "id"],
    [{ id: 7 }, "id"],
    [{ id: null }, "id"],
    [{ title: 7 }, "title"],
    [{ title: "a\0b" }, "title"],
    [{ title: "\ud83d" }, "title"],
    [{ metadata: null }, "metadata"],
    [{ metadata: [] }, "metadata"],
    [{ metadata: "{}" }, "metadata"],
    [{ metadata: { a: "x\0" } }, "metadata"],
    [{ metadata: { "x\0": 1 } }, "metadata"],
    [{ metadata: { a: ["\udc00"] } }, "metadata"],
    [{ metadata: { a: Infinity } }, "metadata"],
    [{ pinned: "true" }, "pinned"],
    [{ pinned: null }, "pinned"],
    [{ ttl: 59 }, "ttl"],
    [{ ttl: 60.5 }, "ttl"],
    [{ ttl: "60" }, "ttl"],
    [{ ttl: 315_360_001 }, "ttl"],
    [{ ttl: 1e300 }, "ttl"],
  ];
  for (const [body, path] of cases) assertEquals(wrong(body), path, JSON.stringify(body));
  assertEquals(wrong({ ttl: 315_360_000 }), null);
});

Deno.test("a title has at most 200 code points, as Postgres counts them", () => {
  assertEquals(wrong({ title: "a".repeat(200) }), null);
  assertEquals(wrong({ title: "😀".repeat(200) }), null);
  assertEquals(wrong({ title: "a".repeat(201) }), "title");
  assertEquals(wrong({ title: "😀".repeat(201) }), "title");
});

Deno.test("metadata has at most 8 KiB, as Postgres prints it", () => {
  // {"a": "…"} has ten bytes besides the text.
  assertEquals(wrong({ metadata: { a: "x".repeat(8192 - 9) } }), null);
  assertEquals(wrong({ metadata: { a: "x".repeat(8192 - 8) } }), "metadata");
  assertEquals(wrong({ metadata: { a: "ü".repeat(4091) } }), null);
  assertEquals(wrong({ metadata: { a: "ü".repeat(4092) } }), "metadata");
  // Fits as compact JSON, not with the spaces after commas.
  const list = Array.from({ length: 4000 }, () => 1);
  assertEquals(JSON.stringify({ a: list }).length < 8192, true);
  assertEquals(wrong({ metadata: { a: list } }), "metadata");
  // Postgres has no exponents: 1e300 takes 301 digits.
  assertEquals(wrong({ metadata: { a: Array.from({ length: 27 }, () => 1e300) } }), null);
  assertEquals(wrong({ metadata: { a: Array.from({ length: 28 }, () => 1e300) } }), "metadata");
  assertEquals(wrong({ metadata: { a: Array.from({ length: 28 }, () => 1.5e-300) } }), "metadata");
});

Deno.test("metadata is nested at most 32 levels deep", () => {
  assertEquals(wrong({ metadata: nested(32) }), null);
  assertEquals(wrong({ metadata: nested(33) }), "metadata");
  const deep = JSON.parse(`{"a":${"[".repeat(30_000)}${"]".repeat(30_000)}}`);
  assertEquals(wrong({ metadata: deep }), "metadata");
});

Deno.test("cleanupBody has safe defaults and bounds the limit", () => {
  const defaults = {
    task: "sweep" as const,
    dryRun: false,
    background: false,
    force: false,
    limit: null,
  };
  assertEquals(cleanupBody.parse({}), defaults);
  assertEquals(cleanupBody.parse({ runId: ID, limit: 10_000 }), {
    ...defaults,
    runId: ID,
    limit: 10_000,
  });
  for (
    const body of [
      { limit: 0 },
      { limit: 10_001 },
      { limit: 1.5 },
      { runId: NIL },
      { dryRun: 1 },
      {
        dryrun: true,
      },
      { dryRun: true, background: true },
      { task: "reconcile", limit: 5 },
    ]
  ) {
    assertEquals(cleanupBody.safeParse(body).success, false, JSON.stringify(body));
  }
});

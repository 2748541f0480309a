/** Numbers that the database and the functions both have to know. */

import { assertEquals, assertLessOrEqual } from "@std/assert/mod.js";
import { createSessionBody } from "../../supabase/functions/_acontext_sessions/contract/sessions.ts";
import { STUCK_ATTEMPTS } from "../../supabase/functions/_acontext_sessions/core/health/facts.ts";
import { newLease } from "../../supabase/functions/_acontext_sessions/core/lease.ts";
import {
  MAX_TIME_BUDGET_MS,
  MAX_TIMEOUT_MS,
} from "../../supabase/functions/_acontext_sessions/runtime/env.ts";
import { World } from "./fakes/world.ts";

const MIGRATIONS = new URL("../../supabase/migrations/", import.meta.url);

/** The one number that the pattern finds, wherever in the migrations it matches. */
async function inSql(pattern: RegExp): Promise<number> {
  const found = new Set<number>();
  for await (const { name } of Deno.readDir(MIGRATIONS)) {
    const sql = await Deno.readTextFile(new URL(name, MIGRATIONS));
    for (const [, number] of sql.matchAll(pattern)) found.add(Number(number));
  }
  assertEquals(found.size, 1, `the migrations have one number at ${pattern}`);
  return [...found][0] ?? NaN;
}

function accepts(body: unknown): boolean {
  return createSessionBody.safeParse(body).success;
}

Deno.test("a title may be as long as the table allows", async () => {
  const most = await inSql(/char_length\(title\) <= (\d+)/g);
  assertEquals([most, most + 1].map((length) => accepts({ title: "x".repeat(length) })), [
    true,
    false,
  ]);
});

Deno.test("metadata may be as large as the table allows", async () => {
  const most = await inSql(/octet_length\(metadata::text\) <= (\d+)/g);
  const metadata = (bytes: number) => ({ a: "x".repeat(bytes - '{"a": ""}'.length) });
  assertEquals([most, most + 1].map((bytes) => accepts({ metadata: metadata(bytes) })), [
    true,
    false,
  ]);
});

Deno.test("metadata may be as deep as the table allows", async () => {
  const most = await inSql(/\$\.\*\*\{(\d+)\} \?/g);
  const metadata = (levels: number) =>
    JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`);
  assertEquals([most, most + 1].map((levels) => accepts({ metadata: metadata(levels) })), [
    true,
    false,
  ]);
});

Deno.test("metadata may hold every number that JavaScript has, as the table allows", async () => {
  const largest = await inSql(/abs\(n\.value::numeric\) > ([\d.e]+)/g);
  assertEquals(largest, Number.MAX_VALUE);
  const decimals = await inSql(/scale\(n\.value::numeric\) > (\d+)/g);
  assertEquals(String(Number.MIN_VALUE), `5e-${decimals}`);
  const numbers = [largest, -largest, Number.MIN_VALUE, 2.2250738585072014e-308];
  assertEquals(accepts({ metadata: { numbers } }), true);
});

Deno.test("a lifetime may be as short and as long as the table allows", async () => {
  const least = 60 * await inSql(/\bttl between interval '(\d+) minute'/g);
  const most = 86_400 *
    await inSql(/\bttl between interval '\d+ minute' and interval '(\d+) days'/g);
  assertEquals([least - 1, least, most, most + 1].map((ttl) => accepts({ ttl })), [
    false,
    true,
    true,
    false,
  ]);
});

Deno.test("health calls a deletion stuck after as many attempts as the database counts", async () => {
  assertEquals(
    STUCK_ATTEMPTS,
    await inSql(/stuck_attempts\(\)\nreturns integer[^$]*\$\$\n {2}select (\d+);/g),
  );
});

Deno.test("no session is taken for abandoned while a lease on its making runs", async () => {
  const shortest = 60 * await inSql(/provisioning_timeout between interval '(\d+) minutes'/g);
  const { clock, random } = new World();
  const acontext = { timeoutMs: MAX_TIMEOUT_MS };
  assertLessOrEqual(newLease({ acontext, clock, random }).leaseSeconds, shortest);
});

Deno.test("no run is taken for dead while it may still begin work, nor in the minute after", async () => {
  const minutes = await inSql(
    /run_timeout\(\)\nreturns interval[^$]*\$\$\n {2}select interval '(\d+) minutes';/g,
  );
  assertLessOrEqual(MAX_TIME_BUDGET_MS + 60_000, minutes * 60_000);
});

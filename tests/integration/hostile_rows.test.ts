/** What users and services can write into the table is bounded, and whatever is there, every function goes on working. */

import { assert, assertEquals, assertLess } from "@std/assert/mod.js";
import fc from "fast-check";
import postgres from "postgres";
import { z } from "zod";
import { converse } from "./support/conversations.ts";
import { assertRefused } from "./support/functions.ts";
import { asSuperuser } from "./support/superuser.ts";
import { integrationTest, type World } from "./support/world.ts";

const rowSchema = z.looseObject({ metadata: z.unknown() });
const refusalSchema = z.looseObject({ code: z.string(), message: z.string() });

/** The table through the Data API, with bodies exactly as they are given. */
function dataApi({ info }: World, token: string) {
  return async function send(method: "GET" | "PATCH" | "POST", search: string, text?: string) {
    const response = await fetch(`${info.apiUrl}/rest/v1/session_mappings${search}`, {
      method,
      headers: {
        apikey: info.publishableKey,
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        prefer: "return=representation",
      },
      ...(text === undefined ? {} : { body: text }),
    });
    return { status: response.status, body: await response.json() };
  };
}

/** As a server of the project sends it. */
function asService({ info }: World) {
  const headers = {
    apikey: info.secretKey,
    "content-type": "application/json",
    prefer: "return=representation",
  };
  return async (method: "PATCH" | "POST", search: string, row: Record<string, unknown>) => {
    const url = `${info.apiUrl}/rest/v1/session_mappings${search}`;
    const response = await fetch(url, { method, headers, body: JSON.stringify(row) });
    return { status: response.status, body: await response.json() };
  };
}

/** The same text for what is equal as JSON, whatever the order of members; `__proto__` and `constructor` are members. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, inner]) =>
    `${JSON.stringify(name)}:${canonical(inner)}`
  );
  return `{${members.toSorted().join()}}`;
}

const lists = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
const copies = (text: string, count: number) => Array.from({ length: count }, () => text).join();

/** Bodies of a PATCH that no row may come of: status, SQLSTATE, and the limit that refuses it. */
const REFUSED: [name: string, body: string, status: number, code: string, limit?: string][] = [
  [
    "a number bomb",
    `{"metadata":{"a":[${copies("1e131071", 2300)}]}}`,
    400,
    "23514",
    "metadata_numbers_in_range",
  ],
  [
    "many decimals",
    `{"metadata":{"a":[${copies("0e-16383", 2300)}]}}`,
    400,
    "23514",
    "metadata_numbers_in_range",
  ],
  ["an infinite number", '{"metadata":{"a":1e400}}', 400, "23514", "metadata_numbers_in_range"],
  ["33 levels", `{"metadata":{"a":${lists(32)}}}`, 400, "23514", "metadata_is_not_deep"],
  ["2,701 levels", `{"metadata":{"a":${lists(2700)}}}`, 400, "23514", "metadata_is_not_deep"],
  ["much text", `{"metadata":{"a":"${"x".repeat(1e6)}"}}`, 400, "23514", "metadata_is_small"],
  [
    "many numbers",
    `{"metadata":{"a":[${copies("1", 50_000)}]}}`,
    400,
    "23514",
    "metadata_is_small",
  ],
  [
    "many members",
    `{"metadata":{${copies('"x":1', 1)},${
      Array.from({ length: 2000 }, (_, n) => `"${n}":1`).join()
    }}}`,
    400,
    "23514",
    "metadata_is_small",
  ],
  ["a list", '{"metadata":[]}', 400, "23514", "metadata_is_object"],
  ["nothing", '{"metadata":null}', 400, "23502"],
  ["NUL", '{"metadata":{"a":"\\u0000"}}', 400, "22P05"],
  ["half a character", '{"metadata":{"a":"\\ud800"}}', 400, "PGRST102"],
  ["a lifetime in months", '{"ttl":"1 month"}', 400, "23514", "ttl_has_no_months"],
  [
    "a lifetime that is over",
    '{"ttl":"-1000 years 363650 days"}',
    400,
    "23514",
    "ttl_has_no_months",
  ],
  [
    "a lifetime for ever",
    '{"ttl":"292000 years -105116350 days"}',
    400,
    "23514",
    "ttl_has_no_months",
  ],
  ["a negative lifetime", '{"ttl":"-1 day"}', 400, "23514", "ttl_in_range"],
  ["a long lifetime", '{"ttl":"2147483647 days"}', 400, "23514", "ttl_in_range"],
  ["a longer lifetime", '{"ttl":"99999999999 years"}', 400, "22015"],
  // Text without a meaning for versions before 17.
  ["an infinite lifetime", '{"ttl":"infinity"}', 400, "23514", "ttl_has_no_months"],
];

integrationTest("a user can write nothing that a function could not read", async (world) => {
  const user = await world.newUser();
  const { id } = await world.created(user, { metadata: { a: 1 } });
  const send = dataApi(world, user.token);
  const before = await world.database.sql`select * from public.session_mappings`;
  for (const [name, body, status, code, limit] of REFUSED) {
    const answer = await send("PATCH", `?id=eq.${id}`, body);
    const refusal = refusalSchema.parse(answer.body);
    assertEquals([answer.status, refusal.code], [status, code], name);
    if (limit !== undefined) assert(refusal.message.endsWith(`"${limit}"`), name);
  }
  assertEquals(await world.database.sql`select * from public.session_mappings`, before);
  assertEquals((await world.create(user, { id })).status, 200);
});

integrationTest("refusing a number bomb takes no memory to speak of", async (world) => {
  const user = await world.newUser();
  const { id } = await world.created(user);
  const sql = postgres(world.info.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const [{ pid = 0 } = {}] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
    const peak = async () =>
      Number(/VmHWM:\s+(\d+) kB/.exec(await Deno.readTextFile(`/proc/${pid}/status`))?.[1]);
    const patch = (metadata: string) =>
      sql`update public.session_mappings set metadata = ${metadata}::text::jsonb where id = ${id}`
        .then(() => "stored", ({ constraint_name: name }) => String(name));
    assertEquals(await patch('{"a": [1]}'), "stored");
    const before = await peak();
    assertEquals(await patch(`{"a":[${copies("1e131071", 2300)}]}`), "metadata_numbers_in_range");
    assertLess(await peak() - before, 20_000);
  } finally {
    await sql.end({ timeout: 1 });
  }
});

/** JSON with what breaks careless code: odd names and numbers, much of everything. */
const odd = fc.constantFrom<unknown>(
  ...[0, -0, 1e21, 5e-324, -1.7976931348623157e308, 0.1, 123456789012345680000, "", "\0", "\ud800"],
  ...["💥".repeat(1500), "x".repeat(8100), '\u2028\b\f\u007f"\\', null, [], {}],
  ...[JSON.parse(lists(30)), JSON.parse(lists(31)), JSON.parse(lists(32)), JSON.parse(lists(200))],
  ...[Array.from({ length: 2600 }, () => 1), Array.from({ length: 2720 }, () => 1)],
  ...[Array.from({ length: 26 }, () => 1e300), Array.from({ length: 27 }, () => 1e-300)],
);
const name = fc.oneof(
  fc.constantFrom("__proto__", "constructor", "toString", "", "a"),
  fc.string(),
);
const value = fc.oneof(
  odd,
  fc.jsonValue({ maxDepth: 4 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const metadata = fc.array(fc.tuple(name, value), { maxLength: 3 }).map((members) =>
  Object.fromEntries(members)
);

integrationTest(
  "the functions and the table accept the same metadata, and keep all of it",
  async (world) => {
    const user = await world.newUser();
    const send = dataApi(world, user.token);
    const { id } = await world.created(user);
    const met = { accepted: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(metadata, async (metadata) => {
        const made = await world.create(user, { metadata });
        const patched = await send("PATCH", `?id=eq.${id}`, JSON.stringify({ metadata }));
        assertEquals([made.status, patched.status], made.status === 201 ? [201, 200] : [400, 400]);
        if (made.status === 400) {
          met.refused += 1;
          return;
        }
        met.accepted += 1;
        const created = rowSchema.parse(made.body);
        const found = await send("GET", `?select=metadata&id=eq.${created["id"]}`);
        const again = await world.create(user, { id: String(created["id"]) });
        const rows = z.tuple([rowSchema]);
        for (const answer of [made.body, again.body]) {
          assertEquals(canonical(rowSchema.parse(answer).metadata), canonical(metadata));
        }
        for (const answer of [found.body, patched.body]) {
          assertEquals(canonical(rows.parse(answer)[0].metadata), canonical(metadata));
        }
      }),
      { numRuns: 200 },
    );
    assert(met.accepted > 20 && met.refused > 10, JSON.stringify(met));
  },
);

integrationTest(
  "digits beyond those of a double are kept, and read as JavaScript reads them",
  async (world) => {
    const user = await world.newUser();
    const { id } = await world.created(user);
    const digits = "12345678901234567890.123456789012345678901234567890";
    const { status } = await dataApi(world, user.token)(
      "PATCH",
      `?id=eq.${id}`,
      `{"metadata":{"a":${digits}}}`,
    );
    assertEquals(status, 200);
    const [row] = await world.database.sql`
    select metadata ->> 'a' as digits from public.session_mappings where id = ${id}`;
    assertEquals(row?.["digits"], digits);
    const { body } = await world.create(user, { id });
    assertEquals(rowSchema.parse(body).metadata, { a: Number(digits) });
  },
);

integrationTest("what a service writes has the same bounds, and stops nothing", async (world) => {
  const user = await world.newUser();
  const { id } = await world.created(user);
  const overdue = await world.created(await world.newUser());
  const send = asService(world);
  const far = ["infinity", "294276-12-31T23:59:59Z", "9999-12-31T23:59:59Z"];
  for (const time of far) {
    const times = {
      created_at: time,
      updated_at: time,
      last_activity_at: time,
      last_write_at: time,
    };
    assertEquals((await send("PATCH", `?id=eq.${id}`, times)).status, 200, time);
    const inserted = { id: crypto.randomUUID(), user_id: user.id, expires_at: time, ...times };
    assertEquals((await send("POST", "", inserted)).status, 201, time);
  }
  for (
    const column of ["created_at", "updated_at", "last_activity_at", "last_write_at", "expires_at"]
  ) {
    for (const time of ["-infinity", "1999-12-31T00:00:00Z", "4713-01-01T00:00:00Z BC"]) {
      const { status, body } = await send("PATCH", `?id=eq.${id}`, { [column]: time });
      assertEquals([status, refusalSchema.parse(body).code], [400, "23514"], `${column} ${time}`);
    }
  }
  const expiry = await send("PATCH", `?id=eq.${id}`, { expires_at: "294276-12-31" });
  assertEquals(refusalSchema.parse(expiry.body).code, "23514");
  const [ahead] = await world.database.sql`
    select count(*)::integer as rows from public.session_mappings
    where greatest(created_at, updated_at, last_activity_at, last_write_at) > acontext_sessions.clock()
      or expires_at > acontext_sessions.clock() + interval '31 days'`;
  assertEquals(ahead?.["rows"], 0);

  await world.database.configure({ session_ttl: "14 days" });
  await world.database.expire([overdue.id]);
  const report = await world.swept();
  assertEquals([report.deleted, report.stopReason], [1, "empty"]);
});

integrationTest(
  "a session with as many messages as can be counted takes more, and is deleted",
  async (world) => {
    const { user, session, chat } = await converse(world);
    const counted = await asService(world)("PATCH", `?id=eq.${session.id}`, {
      message_count: 2_147_483_647,
    });
    assertEquals(counted.status, 200);
    await chat.said("one more");
    assertEquals(
      (await chat.store({ message: { role: "user", content: "y" } }, "key")).status,
      201,
    );
    assertEquals((await chat.page()).messages.length, 2);
    const [row] = await world.database.sql`
    select message_count from public.session_mappings where id = ${session.id}`;
    assertEquals(row?.["message_count"], 2_147_483_647);
    // Long enough ago for Acontext to have counted it.
    await world.database.sql`update public.session_mappings set last_write_at = null where true`;
    assertEquals((await world.remove(user, session.id)).status, 200);
    assertEquals(await world.database.rowCount(), 0);
  },
);

integrationTest(
  "metadata from before the table had limits can be read, changed and deleted",
  async (world) => {
    const user = await world.newUser();
    const { id } = await world.created(user);
    // The deepest that 8 KiB can hold.
    await asSuperuser(
      world,
      `set session_replication_role = replica;
     update public.session_mappings
     set metadata = jsonb_build_object('deep', '${
        lists(3800)
      }'::jsonb, 'large', 1e400) where id = '${id}'`,
    );
    const answer = await world.create(user, { id });
    assertEquals(answer.status, 200);
    // As JSON.stringify writes what JavaScript reads as infinite.
    assertEquals(canonicalDepth(rowSchema.parse(answer.body).metadata), [3800, null]);
    const send = dataApi(world, user.token);
    assertEquals((await send("GET", `?id=eq.${id}`)).status, 200);
    assertEquals(
      (await send("PATCH", `?id=eq.${id}`, '{"title":"old","pinned":true}')).status,
      200,
    );
    await world.database.configure({ deletion_grace: "1 hour" });
    assertEquals((await world.remove(user, id)).status, 202);
    assertEquals((await world.restore(user, id)).status, 200);
    assertEquals((await send("PATCH", `?id=eq.${id}`, '{"metadata":{"b":1}}')).status, 200);
    assertRefused(
      await world.create(user, { metadata: { deep: JSON.parse(lists(32)) } }),
      400,
      "invalid_request",
    );
  },
);

/** How deep the lists are, and the number beside them. */
function canonicalDepth(metadata: unknown): [number, unknown] {
  const found = z.object({ deep: z.array(z.unknown()), large: z.unknown() }).parse(metadata);
  let depth = 1;
  let inner = found.deep[0];
  while (Array.isArray(inner)) {
    depth += 1;
    inner = inner[0];
  }
  return [depth, found.large];
}

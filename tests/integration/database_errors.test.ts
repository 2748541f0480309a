import { assert, assertEquals } from "@std/assert/mod.js";
import { converse } from "./support/conversations.ts";
import { type Answer, assertRefused } from "./support/functions.ts";
import { integrationTest, type World } from "./support/world.ts";

type Cast = Awaited<ReturnType<typeof converse>>;

/** One request of each route, by the function of the database that it asks first. */
const CALLS: Record<string, ((world: World, cast: Cast) => Promise<Answer>)[]> = {
  acontext_begin_session: [(world, { user }) => world.create(user)],
  acontext_request_session_deletion: [
    (world, { user, session }) => world.remove(user, session.id, "DELETE"),
    (world, { user, session }) => world.remove(user, session.id, "POST"),
  ],
  acontext_restore_session: [(world, { user, session }) => world.restore(user, session.id)],
  acontext_start_sweep: [(world) => world.cleanup()],
  acontext_start_reconcile: [(world) => world.cleanup({ task: "reconcile" })],
  acontext_session_health: [
    ({ call, info }) => call("session-health", "", { headers: { apikey: info.secretKey } }),
  ],
  acontext_begin_message: [(_world, { chat }) => chat.say("hello")],
  acontext_use_session: [
    (_world, { chat }) => chat.get(),
    (_world, { chat }) => chat.tokens(),
    (_world, { chat }) => chat.getFiles(),
    (_world, { chat }) => chat.getUrl({ filename: "a" }),
    ({ call, bearer }, { user, session }) =>
      call("session-files", `/${session.id}/content?filename=a`, { headers: bearer(user) }),
  ],
  acontext_begin_file_write: [
    (_world, { chat }) => chat.upload("content"),
    (_world, { chat }) => chat.removeFile({ filename: "a" }),
  ],
};

/** Lets a function of the database do nothing but raise `sqlstate`, while `work` runs. */
async function raising(
  { database: { sql } }: World,
  { name, sqlstate }: { name: string; sqlstate: string },
  work: () => Promise<void>,
): Promise<void> {
  const [row] = await sql<{ definition: string; head: string }[]>`
    select
      pg_get_functiondef(p.oid) as definition,
      format('create or replace function public.%I(%s) returns %s', p.proname,
        pg_get_function_arguments(p.oid), pg_get_function_result(p.oid)) as head
    from pg_proc as p where p.pronamespace = 'public'::regnamespace and p.proname = ${name}`;
  if (row === undefined) throw new Error(`Cannot replace ${name}: there is no such function`);
  await sql.unsafe(
    `${row.head} language plpgsql as $$ begin raise sqlstate '${sqlstate}' using message = 'hunter2'; end $$`,
  );
  try {
    await work();
  } finally {
    await sql.unsafe(row.definition);
  }
}

const CASES = [
  { sqlstate: "55P03", what: "has no time", status: 503, code: "database_unavailable" },
  { sqlstate: "22003", what: "refuses", status: 500, code: "database_refused" },
];

for (const { sqlstate, what, status, code } of CASES) {
  integrationTest(
    `every route answers ${code} when the database ${what} (${sqlstate})`,
    async (world) => {
      const cast = await converse(world);
      await cast.chat.uploaded("content", { filename: "a" });
      for (const [name, sends] of Object.entries(CALLS)) {
        await raising(world, { name, sqlstate }, async () => {
          for (const send of sends) {
            const answer = await send(world, cast);
            const { message } = assertRefused(answer, status, code);
            assertEquals(answer.headers.has("retry-after"), status === 503, name);
            assert(!JSON.stringify([message, answer.body]).includes("hunter2"));
          }
        });
      }
      assertEquals(await world.database.statusOf(cast.session.id), "active");
      assertEquals(await world.database.rowCount(), 1);
      assertEquals((await world.remote.audit()).calls["DELETE /session/:id"] ?? 0, 0);
      assertEquals((await cast.chat.get()).status, 200);
    },
  );
}

integrationTest(
  "an app's trigger that always fails is told apart from an outage, and leaves nothing",
  async (world) => {
    const { sql } = world.database;
    const user = await world.newUser();
    await sql.unsafe(`
      create function public.app_counts() returns trigger language plpgsql
      as $$ begin perform 2147483647 + new.message_count + 1; return new; end $$;
      create trigger app_counts before insert on public.session_mappings
        for each row execute function public.app_counts()`);
    try {
      const answer = await world.create(user);
      const { requestId } = assertRefused(answer, 500, "database_refused");
      assertEquals(requestId, answer.headers.get("x-request-id"));
    } finally {
      await sql.unsafe("drop function public.app_counts() cascade");
    }
    assertEquals(await world.database.rowCount(), 0);
    assertEquals((await world.remote.audit()).calls, {});
  },
);

integrationTest(
  "a session that the database will not bind is released, and made when it will",
  async (world) => {
    const { sql } = world.database;
    const user = await world.newUser();
    const id = crypto.randomUUID();
    await sql.unsafe(`
      create function public.app_refuses() returns trigger language plpgsql
      as $$ begin if new.status = 'active' then raise sqlstate '22003'; end if; return new; end $$;
      create trigger app_refuses before update on public.session_mappings
        for each row execute function public.app_refuses()`);
    try {
      assertRefused(await world.create(user, { id }), 500, "database_refused");
    } finally {
      await sql.unsafe("drop function public.app_refuses() cascade");
    }
    assertEquals(await world.database.statusOf(id), "provisioning");
    assertEquals((await world.create(user, { id })).status, 201);
  },
);

import { assertEquals } from "@std/assert/mod.js";
import {
  ALICE,
  type Connection,
  makeActive,
  raceTest,
  requestDeletion,
  sessionId,
  state,
} from "./support/races.ts";

interface Use {
  touch?: boolean;
  messages?: number;
  writes?: boolean;
}

function use(connection: Connection, { touch = false, messages = 0, writes = false }: Use) {
  return connection.rpc("acontext_use_session", {
    p_user_id: ALICE,
    p_session_id: sessionId(1),
    p_touch: touch,
    p_new_messages: messages,
    p_writes: writes,
  });
}

const USES: Record<string, Use> = {
  "counts a message": { messages: 1 },
  "announces a write": { writes: true },
  "marks the session as used": { touch: true },
};

/** What a use may change. */
async function marks(connection: Connection): Promise<Record<string, unknown>> {
  const [row] = await connection.query(`
    select message_count as messages, last_write_at::text as written, last_activity_at::text as used
    from public.session_mappings`);
  return { ...row };
}

for (const [what, change] of Object.entries(USES)) {
  raceTest(`a use that ${what} waits for a delete request, and finds it`, async (race) => {
    const { first, second, operator } = race;
    await makeActive(operator, 1);
    await operator.query(
      "update public.session_mappings set last_activity_at = now() - interval '2 days' where true",
    );
    const before = await marks(operator);
    await first.begin();
    assertEquals((await requestDeletion(first, 1)).outcome, "claimed");
    const late = use(second, change);
    await race.blocked(second);
    await first.commit();
    assertEquals((await late).outcome, "deleting");
    assertEquals(await marks(operator), before);
    assertEquals(await state(operator), { 1: "deleting requested/+/+" });
  });
}

raceTest("two uses at once are both counted", async (race) => {
  const { first, second, operator } = race;
  await makeActive(operator, 1);
  await first.begin();
  assertEquals((await use(first, { messages: 1 })).outcome, "ok");
  const late = use(second, { messages: 1 });
  await race.blocked(second);
  await first.commit();
  assertEquals((await late).outcome, "ok");
  assertEquals((await marks(operator)).messages, 2);
});

raceTest(
  "a delete request waits for a use, and leaves a just written session to a sweep",
  async (race) => {
    const { first, second, operator } = race;
    await makeActive(operator, 1);
    await first.begin();
    assertEquals((await use(first, { writes: true })).outcome, "ok");
    const late = requestDeletion(second, 1);
    await race.blocked(second);
    await first.commit();
    assertEquals((await late).outcome, "queued");
  },
);

raceTest("the nightly purge waits for nobody who settles", async (race) => {
  const { first, operator } = race;
  await makeActive(operator, 1);
  await operator.query(
    `
    insert into acontext_sessions.message_keys (session_id, key_hash, body_hash, lease_id, leased_until, created_at)
    select $1, repeat(n::text, 64), repeat('f', 64), gen_random_uuid(), now(), now() - interval '3 days'
    from generate_series(1, 2) as n`,
    [sessionId(1)],
  );
  await operator.query("update public.session_mappings set message_count = 2 where true");
  const keys = async () => {
    const [row] = await operator.query(
      "select count(*)::integer as keys from acontext_sessions.message_keys",
    );
    return row?.["keys"];
  };
  await first.begin();
  await first.query("select 1 from public.session_mappings where id = $1 for update", [
    sessionId(1),
  ]);
  await operator.query("select acontext_sessions.purge_history()");
  assertEquals([await keys(), (await marks(operator)).messages], [2, 2]);
  await first.commit();
  await operator.query("select acontext_sessions.purge_history()");
  assertEquals([await keys(), (await marks(operator)).messages], [0, 0]);
});

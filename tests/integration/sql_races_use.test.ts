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

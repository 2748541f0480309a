import { assert, assertEquals } from "@std/assert/mod.js";
import { converse, createConversation } from "./support/conversations.ts";
import { assertRefused } from "./support/functions.ts";
import { sessionRow } from "./support/sessions.ts";
import { integrationTest, type World } from "./support/world.ts";

/** As if the session had last been used so long ago. */
async function age(world: World, id: string, interval: string): Promise<void> {
  await world.database.sql`
    update public.session_mappings set last_activity_at = acontext_sessions.clock() - ${interval}::interval
    where id = ${id}`;
}

integrationTest(
  "use is recorded once per granularity, and looking at tokens is none",
  async (world) => {
    const { session, chat } = await converse(world);
    const fresh = await sessionRow(world, session.id);
    await chat.page();
    assertEquals(
      (await sessionRow(world, session.id)).version,
      fresh.version,
      "nothing was written",
    );
    await chat.said("x");
    assertEquals((await sessionRow(world, session.id)).last_activity_at, fresh.last_activity_at);

    await age(world, session.id, "2 minutes");
    const old = await sessionRow(world, session.id);
    await chat.tokens();
    assertEquals((await sessionRow(world, session.id)).version, old.version);
    await chat.page();
    assert((await sessionRow(world, session.id)).last_activity_at > old.last_activity_at);
  },
);

integrationTest("a short life is prolonged by use before a minute has passed", async (world) => {
  const { session, chat } = await converse(world, { ttl: 60 });
  await age(world, session.id, "30 seconds");
  const before = await sessionRow(world, session.id);
  await chat.page();
  assert((await sessionRow(world, session.id)).last_activity_at > before.last_activity_at);
});

integrationTest(
  "a session that is expired, deleting or foreign is not used at all",
  async (world) => {
    await world.database.configure({ deletion_grace: "1 hour" });
    const { user, session, chat } = await converse(world);
    const stranger = createConversation(world, await world.newUser(), session.id);
    const gone = createConversation(world, user, crypto.randomUUID());
    const deleting = createConversation(world, user, (await world.created(user)).id);
    await world.remove(user, deleting.id);
    await age(world, session.id, "31 days");
    const calls = await world.remote.callsOf(async () => {
      for (
        const [conversation, status, code] of [
          [chat, 409, "session_expired"],
          [deleting, 409, "session_deleting"],
          [stranger, 404, "session_not_found"],
          [gone, 404, "session_not_found"],
        ] as const
      ) {
        assertRefused(await conversation.say("x"), status, code);
        assertRefused(await conversation.say("x", "key"), status, code);
        assertRefused(await conversation.get(), status, code);
        assertRefused(await conversation.tokens(), status, code);
        assertRefused(await conversation.getFiles(), status, code);
        assertRefused(await conversation.upload("x"), status, code);
        assertRefused(await conversation.getUrl({ filename: "a" }), status, code);
        assertRefused(await conversation.removeFile({ filename: "a" }), status, code);
      }
    });
    assertEquals(calls, {});
    assertEquals((await sessionRow(world, session.id)).message_count, 0);
  },
);

integrationTest("a half-made session is not ready", async (world) => {
  const user = await world.newUser();
  const id = crypto.randomUUID();
  await world.remote.withFaults(
    [{ route: "*", fault: { kind: "outage" } }],
    () => world.create(user, { id }),
  );
  const answer = await createConversation(world, user, id).say("x");
  assertRefused(answer, 409, "session_not_ready");
  assertEquals(answer.headers.get("retry-after"), "1");
});

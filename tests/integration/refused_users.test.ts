import { assertEquals } from "@std/assert/mod.js";
import { converse, createConversation } from "./support/conversations.ts";
import { assertRefused } from "./support/functions.ts";
import { assertNothingLeft } from "./support/remote.ts";
import { integrationTest, type World } from "./support/world.ts";
import type { TestUser } from "./support/users.ts";

/** Every call that uses, makes or restores a session is refused, and Acontext is not asked. */
async function assertNoUse(
  world: World,
  { user, id, code }: { user: TestUser; id: string; code: string },
): Promise<void> {
  const chat = createConversation(world, user, id);
  const calls = await world.remote.callsOf(async () => {
    for (
      const call of [
        () => world.create(user),
        () => world.create(user, { id }),
        () => world.restore(user, id),
        () => chat.say("x"),
        () => chat.say("x", "key"),
        () => chat.get(),
        () => chat.tokens(),
        () => chat.getFiles(),
        () => chat.upload("x"),
        () => chat.getUrl({ filename: "a.txt" }),
        () => chat.removeFile({ filename: "a.txt" }),
      ]
    ) {
      assertRefused(await call(), 403, code);
    }
  });
  assertEquals(calls, {});
  const { data } = await user.client.from("session_mappings").select("id").throwOnError();
  assertEquals(data, [], "and nothing is visible");
}

integrationTest(
  "a token that outlives its user shows and does nothing, and all is deleted",
  async (world) => {
    for (
      const erase of [
        (id: string) => world.database.sql`delete from auth.users where id = ${id}`,
        // As Auth does it softly: the account stays, without what it says of a person.
        (id: string) =>
          world.database.sql`update auth.users set email = '', deleted_at = now() where id = ${id}`,
      ]
    ) {
      const { user, session, chat } = await converse(world);
      await chat.uploaded("x");
      await erase(user.id);
      assertEquals(await world.database.statusOf(session.id), "deleting");
      await assertNoUse(world, { user, id: session.id, code: "user_deleted" });
      await world.database
        .sql`update acontext_sessions.deletion_queue set next_attempt_at = now() where true`;
      await world.database.sql`update public.session_mappings set last_write_at = null where true`;
      assertEquals((await world.swept()).deleted, 1);
      assertNothingLeft(await world.remote.audit());
      await assertNoUse(world, { user, id: session.id, code: "user_deleted" });
    }
  },
);

integrationTest(
  "a banned user sees, uses and makes nothing until the ban ends, unless a setting says otherwise",
  async (world) => {
    const { user, session, chat } = await converse(world);
    const { sql } = world.database;
    await chat.uploaded("x");
    await sql`update auth.users set banned_until = now() + interval '1 hour' where id = ${user.id}`;
    await assertNoUse(world, { user, id: session.id, code: "user_banned" });
    assertEquals(await world.database.statusOf(session.id), "active");

    await world.database.configure({ refuse_banned_users: false });
    await chat.page();
    await world.database.configure({ refuse_banned_users: true });
    assertRefused(await chat.get(), 403, "user_banned");
    await sql`update auth.users set banned_until = now() - interval '1 second' where id = ${user.id}`;
    await chat.page();
  },
);

integrationTest("a sweep queues what is left of a deleted user, and deletes it", async (world) => {
  const user = await world.newUser();
  const sessions = await world.createdMany(user, 105);
  await world.database.sql`delete from auth.users where id = ${user.id}`;
  const { data } = await user.client.from("session_mappings").select("id").throwOnError();
  assertEquals(data, [], "nothing is visible, queued or not");
  const [noted] = await world.database.sql`select user_id from acontext_sessions.erased_users`;
  assertEquals(noted, { user_id: user.id });
  assertEquals((await world.swept()).deleted, sessions.length);
  assertNothingLeft(await world.remote.audit());
  const still = await world.database.sql`select user_id from acontext_sessions.erased_users`;
  assertEquals(still.length, 0);
});

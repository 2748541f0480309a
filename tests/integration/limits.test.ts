/** What one user may have, do in a minute and change at once, as callers meet it. */

import { assert, assertEquals } from "@std/assert/mod.js";
import { converse, createConversation } from "./support/conversations.ts";
import { type Answer, assertRefused, sessionOf } from "./support/functions.ts";
import { integrationTest } from "./support/world.ts";

function assertLimited(answer: Answer, most: number): void {
  assertRefused(answer, 429, "rate_limited");
  const seconds = Number(answer.headers.get("retry-after"));
  assert(seconds >= 1 && seconds <= most, `Retry-After is ${seconds}`);
}

function countOf(answers: Answer[], status: number): number {
  return answers.filter((answer) => answer.status === status).length;
}

integrationTest("a user who makes sessions too often is told when to come back", async (world) => {
  const [user, other] = [await world.newUser(), await world.newUser()];
  await world.database.configure({ max_creations_per_minute: 3 });
  const answers = await Promise.all(Array.from({ length: 6 }, () => world.create(user)));
  assertEquals([countOf(answers, 201), countOf(answers, 429)], [3, 3]);
  assertLimited(await world.create(user), 20);
  assertEquals(await world.database.rowCount(), 3);
  assertEquals((await world.create(other)).status, 201);
  await world.database.later("20 seconds", async () => {
    assertEquals((await world.create(user)).status, 201);
    assertLimited(await world.create(user), 20);
  });
});

integrationTest(
  "a user who deletes sessions too often loses none that was refused",
  async (world) => {
    const user = await world.newUser();
    const sessions = await world.createdMany(user, 3);
    await world.database.configure({ max_deletions_per_minute: 2 });
    const answers = await Promise.all(sessions.map(({ id }) => world.remove(user, id)));
    assertEquals(countOf(answers, 429), 1);
    const refused = answers.findIndex(({ status }) => status === 429);
    const id = sessions[refused]?.id ?? "";
    assertLimited(await world.remove(user, id), 30);
    assertLimited(await world.remove(user, id, "POST"), 30);
    assertEquals(await world.database.statusOf(id), "active");
    assertEquals((await world.database.queue()).filter((entry) => entry.id === id), []);
  },
);

integrationTest(
  "a user who stores messages too often stores them after the wait",
  async (world) => {
    const { user, chat } = await converse(world);
    const second = createConversation(world, user, (await world.created(user)).id);
    await world.database.configure({ max_stores_per_minute: 4 });
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, n) => (n % 2 === 0 ? chat : second).say("hello", `k${n}`)),
    );
    assertEquals([countOf(answers, 201), countOf(answers, 429)], [4, 2]);
    assertLimited(await chat.say("hello", "late"), 15);
    await world.database.later("15 seconds", async () => {
      assertEquals((await chat.say("hello", "late")).status, 201);
      assertEquals((await chat.say("hello", "late")).status, 200, "what is stored is answered");
    });
    const [row] = await world.database.sql<{ messages: number }[]>`
    select sum(message_count)::integer as messages from public.session_mappings`;
    assertEquals(row?.messages, 5);
  },
);

integrationTest("a user who changes files too often changes none of them", async (world) => {
  const { chat } = await converse(world);
  await world.database.configure({ max_file_writes_per_minute: 2 });
  await chat.uploaded("one", { filename: "a.txt" });
  await chat.uploaded("two", { filename: "b.txt" });
  assertLimited(await chat.upload("three", { filename: "a.txt" }), 30);
  assertLimited(await chat.removeFile({ filename: "b.txt" }), 30);
  const { files } = await chat.list();
  assertEquals(files.map(({ filename }) => filename).sort(), ["a.txt", "b.txt"]);
  assertEquals(await (await chat.download({ filename: "a.txt" })).text(), "one");
});

integrationTest(
  "sixty rounds of creating, uploading and deleting keep no more than twice the quota",
  async (world) => {
    const user = await world.newUser();
    await world.database.configure({ max_sessions_per_user: 2, deletion_grace: "7 days" });
    let refused = 0;
    for (let round = 0; round < 60; round++) {
      const answer = await world.create(user);
      if (answer.status !== 201) {
        const { details } = assertRefused(answer, 409, "quota_exceeded");
        assertEquals(details?.map(({ path }) => path), ["max_sessions_per_user"]);
        refused++;
        continue;
      }
      const { id } = sessionOf(answer);
      await createConversation(world, user, id).uploaded("content");
      await world.remove(user, id);
    }
    assertEquals(refused, 58);
    const { sessions, disks } = await world.remote.audit();
    assert(sessions.length <= 4 && disks.length <= 4, `${sessions.length} sessions are kept`);
  },
);

integrationTest(
  "an anonymous user has a quota of its own until there is an account",
  async (world) => {
    const user = await world.newAnonymousUser();
    await world.database.configure({
      max_sessions_per_user: 10,
      max_sessions_per_anonymous_user: 1,
    });
    await world.created(user);
    const { details } = assertRefused(await world.create(user), 409, "quota_exceeded");
    assertEquals(details?.map(({ path }) => path), ["max_sessions_per_anonymous_user"]);
    await world.admin().auth.admin.updateUserById(user.id, {
      email: "somebody@example.com",
      email_confirm: true,
    });
    await world.created(user);
  },
);

integrationTest(
  "one request of a user to the table changes a hundred sessions at most",
  async (world) => {
    const user = await world.newUser();
    const { sql } = world.database;
    await sql`
    insert into public.session_mappings (user_id)
    select ${user.id} from generate_series(1, 150)`;
    await sql`
    update public.session_mappings
    set status = 'active', acontext_session_id = gen_random_uuid(), acontext_disk_id = gen_random_uuid()
    where user_id = ${user.id}`;
    const rename = () => user.client.from("session_mappings").update({ title: "Renamed" });
    const all = await rename().eq("pinned", false);
    assertEquals([all.status, all.error?.message], [
      400,
      "Cannot change more than 100 sessions at a time",
    ]);
    const { data } = await user.client.from("session_mappings").select("id").limit(100)
      .throwOnError();
    const ids = data.map(({ id }) => id);
    assertEquals((await rename().in("id", ids.slice(0, 50))).status, 204);
    const [row] = await sql<{ renamed: number }[]>`
    select count(*)::integer as renamed from public.session_mappings where title = 'Renamed'`;
    assertEquals(row?.renamed, 50);
    const admin = await world.admin().from("session_mappings").update({ title: "Renamed" })
      .eq("user_id", user.id);
    assertEquals(admin.status, 204);
    // Rows that nothing was made for: they leave as the sweep proves it.
    await sql`delete from public.session_mappings where user_id = ${user.id}`;
  },
);

integrationTest("nobody learns from an estimate how many sessions others have", async (world) => {
  const [user, other] = [await world.newUser(), await world.newUser()];
  await world.createdMany(other, 5);
  await world.created(user);
  await world.database.sql`analyze public.session_mappings`;
  const queries = ["", `user_id=eq.${other.id}`, "title=is.null", `user_id=eq.${other.id}&limit=0`];
  for (const method of ["GET", "HEAD"]) {
    for (const query of queries) {
      // A statement that is sent often is prepared.
      for (let time = 0; time < 7; time++) {
        const response = await fetch(
          `${world.info.apiUrl}/rest/v1/session_mappings?select=id&${query}`,
          {
            method,
            headers: {
              ...world.bearer(user),
              apikey: world.info.publishableKey,
              prefer: "count=planned",
            },
          },
        );
        await response.body?.cancel();
        assertEquals([response.status, response.headers.get("content-range")], [400, null]);
      }
    }
  }
  const planned = await user.client.from("session_mappings").select("id", { count: "planned" });
  assertEquals(
    planned.error?.message,
    "Cannot estimate the number of sessions: an estimate tells of the sessions of others",
  );
  for (const count of ["exact", "estimated"] as const) {
    const own = await user.client.from("session_mappings").select("id", { count }).throwOnError();
    assertEquals(own.count, 1);
  }
});

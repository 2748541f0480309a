import { assert, assertEquals, assertNotEquals } from "@std/assert/mod.js";
import { assertRefused, sessionOf } from "./support/functions.ts";
import { NAMESPACE, ours } from "./support/remote.ts";
import { integrationTest } from "./support/world.ts";

integrationTest("create-session makes a row, a remote session and a disk", async (world) => {
  const user = await world.newUser();
  const answer = await world.create(user, {
    title: "Trip to Łódź 🚂",
    metadata: { model: "m-1", nested: { list: [1, null, true] } },
    ttl: 3600,
  });
  assertEquals(answer.status, 201);
  const session = sessionOf(answer);
  assertEquals(session.status, "active");
  assertEquals(session.title, "Trip to Łódź 🚂");
  assertEquals(session.metadata, { model: "m-1", nested: { list: [1, null, true] } });
  assertEquals(session.ttl, 3600);
  assertEquals(session.acontextSessionId, session.id);
  assertEquals(Date.parse(session.expiresAt ?? "") - Date.parse(session.lastActivityAt), 3_600_000);

  const audit = await world.remote.audit();
  assertEquals(audit.sessions, [
    { id: session.id, namespace: NAMESPACE, sessionId: session.id, messages: 0 },
  ]);
  assertEquals(audit.disks, [
    {
      id: session.acontextDiskId,
      label: `${NAMESPACE}:${session.id}`,
      skill: false,
      artifacts: 0,
    },
  ]);
  const { data } = await user.client.from("session_mappings").select().single().throwOnError();
  assertEquals(data.id, session.id);
  assertEquals(data.user_id, user.id);
  assertEquals(data.acontext_disk_id, session.acontextDiskId);
});

integrationTest("create-session needs no body", async (world) => {
  const user = await world.newUser();
  const answer = await world.call("create-session", "", {
    method: "POST",
    headers: { authorization: `Bearer ${user.token}` },
  });
  assertEquals(answer.status, 201);
  assertEquals(sessionOf(answer).metadata, {});
});

integrationTest("supabase-js plays the whole life of a session", async (world) => {
  const { client } = await world.newUser();
  const made = await client.functions.invoke("create-session", { body: { title: "one" } });
  assertEquals(made.error, null);
  const { id } = sessionOf({ status: 201, headers: new Headers(), body: made.data });
  await client.from("session_mappings").update({ title: "two" }).eq("id", id).throwOnError();
  const { data: listed } = await client.from("session_mappings").select("id, title")
    .order("last_activity_at", { ascending: false }).throwOnError();
  assertEquals(listed, [{ id, title: "two" }]);
  const gone = await client.functions.invoke(`delete-session/${id}`, { method: "DELETE" });
  assertEquals(gone.data, { deleted: true });
});

integrationTest(
  "create-session with a client's id answers the same session again",
  async (world) => {
    const user = await world.newUser();
    const id = crypto.randomUUID();
    const first = await world.create(user, { id, title: "first" });
    const again = await world.create(user, { id, title: "second" });
    assertEquals([first.status, again.status], [201, 200]);
    assertEquals(sessionOf(first).id, id);
    assertEquals(again.body, first.body);
    const { calls } = await world.remote.audit();
    assertEquals([calls["POST /session"], calls["POST /disk"]], [1, 1]);
  },
);

integrationTest("an id in upper case is the same id", async (world) => {
  const user = await world.newUser();
  const id = crypto.randomUUID();
  const upper = await world.created(user, { id: id.toUpperCase() });
  assertEquals(upper.id, id);
  assertEquals((await world.create(user, { id })).status, 200);
  assertEquals((await world.remove(user, id.toUpperCase())).body, { deleted: true });
});

integrationTest("two calls at once with one id make one session and one disk", async (world) => {
  const user = await world.newUser();
  const id = crypto.randomUUID();
  const slow = { route: "POST /disk", fault: { kind: "delay", ms: 150 } } as const;
  const answers = await world.remote.withFaults(
    [slow],
    () => Promise.all([1, 2, 3].map(() => world.create(user, { id }))),
  );
  assertEquals(answers.map(({ status }) => status).sort(), [200, 200, 201]);
  assertEquals(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1);
  const { sessions, disks } = ours(await world.remote.audit());
  assertEquals([sessions.length, disks.length], [1, 1]);
});

integrationTest("create-session refuses the id of somebody else's session", async (world) => {
  const [owner, other] = [await world.newUser(), await world.newUser()];
  const session = await world.created(owner);
  assertRefused(await world.create(other, { id: session.id }), 404, "session_not_found");
  assertEquals((await world.create(owner, { id: session.id })).status, 200);
  assertEquals(ours(await world.remote.audit()).disks, [session.acontextDiskId]);
});

integrationTest("create-session never uses a deleted id again", async (world) => {
  const [owner, other] = [await world.newUser(), await world.newUser()];
  const { id } = await world.created(owner);
  await world.remove(owner, id);
  assertRefused(await world.create(owner, { id }), 409, "session_deleted");
  assertRefused(await world.create(other, { id }), 404, "session_not_found");
  assertEquals(ours(await world.remote.audit()), { sessions: [], disks: [] });
});

integrationTest("create-session refuses an id that is being deleted", async (world) => {
  const user = await world.newUser();
  const { id } = await world.created(user);
  await world.database.configure({ deletion_grace: "1 hour" });
  await world.remove(user, id);
  assertRefused(await world.create(user, { id }), 409, "session_deleting");
});

integrationTest("the quota counts sessions that are there", async (world) => {
  const [user, other] = [await world.newUser(), await world.newUser()];
  await world.database.configure({ max_sessions_per_user: 2 });
  const { id } = await world.created(user);
  await world.created(user);
  const error = assertRefused(await world.create(user), 409, "quota_exceeded");
  assert(error.message.includes("2"));
  assertEquals((await world.create(user, { id })).status, 200);
  assertEquals((await world.create(other)).status, 201);
  await world.remove(user, id);
  assertEquals((await world.create(user)).status, 201);
});

integrationTest("the quota holds against calls at the same moment", async (world) => {
  const user = await world.newUser();
  await world.database.configure({ max_sessions_per_user: 3 });
  const answers = await Promise.all(Array.from({ length: 8 }, () => world.create(user)));
  const made = answers.filter(({ status }) => status === 201);
  assertEquals(made.length, 3);
  assertEquals(await world.database.rowCount(), 3);
});

integrationTest("a session of an anonymous user works like any other", async (world) => {
  const user = await world.newAnonymousUser();
  const { id } = await world.created(user);
  const { data } = await user.client.from("session_mappings").select("id").throwOnError();
  assertEquals(data, [{ id }]);
  assertEquals((await world.remove(user, id)).status, 200);
});

integrationTest("a user who was erased can create nothing with an old token", async (world) => {
  const user = await world.newUser();
  await world.admin().auth.admin.deleteUser(user.id);
  assertRefused(await world.create(user), 403, "user_deleted");
  assertEquals((await world.remote.audit()).calls, {});
  assertEquals(await world.database.rowCount(), 0);
});

integrationTest("two sessions never share a disk or a remote session", async (world) => {
  const user = await world.newUser();
  const [one, two] = [await world.created(user), await world.created(user)];
  assertNotEquals(one.acontextDiskId, two.acontextDiskId);
  const { sql } = world.database;
  const attempts = [
    sql`update public.session_mappings set acontext_disk_id = ${two.acontextDiskId} where id = ${one.id}`,
    sql`update public.session_mappings set acontext_session_id = ${two.id} where id = ${one.id}`,
    sql`
      insert into public.session_mappings (id, user_id, status, acontext_session_id, acontext_disk_id)
      values (gen_random_uuid(), ${user.id}, 'active', gen_random_uuid(), ${one.acontextDiskId})`,
  ];
  for (const attempt of attempts) {
    const code = await attempt.then(() => "none", (error) => error.code);
    assertEquals(code, "23514");
  }
  const rows = await sql`select acontext_disk_id from public.session_mappings order by 1`;
  assertEquals(
    rows.map((row) => row["acontext_disk_id"]),
    [one.acontextDiskId, two.acontextDiskId].sort(),
  );
});

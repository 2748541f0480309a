import { assertEquals } from "@std/assert/mod.js";
import { createClient } from "@supabase/supabase-js";
import { assertRefused } from "./support/functions.ts";
import { ours } from "./support/remote.ts";
import { integrationTest } from "./support/world.ts";

integrationTest("a user sees own sessions only", async (world) => {
  const [alice, bob] = [await world.newUser(), await world.newUser()];
  const mine = await world.created(alice);
  const theirs = await world.created(bob);
  const table = () => alice.client.from("session_mappings");
  assertEquals((await table().select("id").throwOnError()).data, [{ id: mine.id }]);
  assertEquals((await table().select().eq("id", theirs.id).throwOnError()).data, []);
  assertEquals((await table().select().eq("user_id", bob.id).throwOnError()).data, []);
  const { count } = await table().select("*", { count: "exact", head: true }).throwOnError();
  assertEquals(count, 1);
});

integrationTest("nobody signed in sees no session at all", async (world) => {
  await world.created(await world.newUser());
  const { data, error } = await world.nobody().from("session_mappings").select();
  assertEquals([data, error?.code], [null, "42501"]);
});

integrationTest("a user cannot change somebody else's session", async (world) => {
  const [alice, bob] = [await world.newUser(), await world.newUser()];
  const { id } = await world.created(bob, { title: "Bob's" });
  const { data } = await alice.client.from("session_mappings")
    .update({ title: "Alice's", pinned: true }).eq("id", id).select().throwOnError();
  assertEquals(data, []);
  const { data: row } = await bob.client.from("session_mappings").select("title, pinned").single()
    .throwOnError();
  assertEquals(row, { title: "Bob's", pinned: false });
});

integrationTest("a foreign id and an unknown id are refused alike", async (world) => {
  const [alice, bob] = [await world.newUser(), await world.newUser()];
  const { id, acontextDiskId } = await world.created(bob);
  const unknown = crypto.randomUUID();
  const calls = await world.remote.callsOf(async () => {
    for (const attempt of [world.remove, world.restore]) {
      const foreign = assertRefused(await attempt(alice, id), 404, "session_not_found");
      const missing = assertRefused(await attempt(alice, unknown), 404, "session_not_found");
      assertEquals(foreign, missing);
    }
    assertRefused(await world.remove(alice, id, "POST"), 404, "session_not_found");
    assertRefused(await world.create(alice, { id }), 404, "session_not_found");
  });
  assertEquals(calls, {});
  assertEquals(await world.database.statusOf(id), "active");
  assertEquals(ours(await world.remote.audit()), { sessions: [id], disks: [acontextDiskId] });
});

integrationTest("somebody else's deletion cannot be taken back", async (world) => {
  const [alice, bob] = [await world.newUser(), await world.newUser()];
  await world.database.configure({ deletion_grace: "1 hour" });
  const { id } = await world.created(bob);
  await world.remove(bob, id);
  assertRefused(await world.restore(alice, id), 404, "session_not_found");
  assertEquals(await world.database.statusOf(id), "deleting");
});

integrationTest("an owner may change title, metadata, pinned and ttl", async (world) => {
  const { client, ...user } = await world.newUser();
  const { id } = await world.created({ client, ...user });
  const { data } = await client.from("session_mappings")
    .update({ title: "new", metadata: { a: 1 }, pinned: true, ttl: "1 hour" }).eq("id", id)
    .select("title, metadata, pinned, ttl, expires_at").single().throwOnError();
  assertEquals(data, {
    title: "new",
    metadata: { a: 1 },
    pinned: true,
    ttl: "01:00:00",
    expires_at: null,
  });
  const { data: unpinned } = await client.from("session_mappings").update({ pinned: false })
    .eq("id", id).select("expires_at").single().throwOnError();
  assertEquals(typeof unpinned.expires_at, "string");
});

integrationTest("an owner may change nothing else", async (world) => {
  const user = await world.newUser();
  const { id } = await world.created(user);
  const before = await world.database.sql`select * from public.session_mappings`;
  const changes = [
    { id: crypto.randomUUID() },
    { user_id: crypto.randomUUID() },
    { status: "deleting" as const },
    { message_count: 7 },
    { acontext_session_id: crypto.randomUUID() },
    { acontext_disk_id: crypto.randomUUID() },
    { created_at: "2000-01-01" },
    { updated_at: "2000-01-01" },
    { last_activity_at: "2100-01-01" },
    { expires_at: "2100-01-01" },
  ];
  for (const change of changes) {
    const { status, error } = await user.client.from("session_mappings").update(change)
      .eq("id", id);
    assertEquals([status, error?.code], [403, "42501"], JSON.stringify(change));
  }
  const insert = await user.client.from("session_mappings").insert({ user_id: user.id });
  assertEquals(insert.error?.code, "42501");
  const upsert = await user.client.from("session_mappings").upsert({ id, title: "x" });
  assertEquals(upsert.error?.code, "42501");
  const remove = await user.client.from("session_mappings").delete().eq("id", id);
  assertEquals(remove.error?.code, "42501");
  assertEquals(await world.database.sql`select * from public.session_mappings`, before);
});

integrationTest("what an owner may change keeps its limits", async (world) => {
  const user = await world.newUser();
  const { id } = await world.created(user);
  const changes = [
    { title: "x".repeat(201) },
    { metadata: { a: "x".repeat(8_192) } },
    { metadata: [1, 2] },
    { ttl: "59 seconds" },
    { ttl: "3651 days" },
  ];
  for (const change of changes) {
    const { error } = await user.client.from("session_mappings").update(change).eq("id", id);
    assertEquals(error?.code, "23514");
  }
});

integrationTest("the database functions are closed to users and to nobody", async (world) => {
  const user = await world.newUser();
  const { sql } = world.database;
  const functions = await sql<{ name: string; args: string[] | null }[]>`
    select p.proname as name, p.proargnames as args
    from pg_proc as p
    where p.pronamespace = 'public'::regnamespace`;
  assertEquals(functions.length > 10, true);
  const { apiUrl, publishableKey } = world.info;
  for (const headers of [{}, { authorization: `Bearer ${user.token}` }]) {
    for (const { name, args } of functions) {
      const response = await fetch(`${apiUrl}/rest/v1/rpc/${name}`, {
        method: "POST",
        headers: { ...headers, apikey: publishableKey, "content-type": "application/json" },
        body: JSON.stringify(Object.fromEntries((args ?? []).map((arg) => [arg, null]))),
      });
      const { code } = await response.json();
      assertEquals([name, code], [name, "42501"]);
    }
  }
});

integrationTest("the private schema and Vault cannot be reached through the API", async (world) => {
  const user = await world.newUser();
  const { apiUrl, publishableKey, secretKey } = world.info;
  for (const key of [publishableKey, secretKey]) {
    const client = createClient(apiUrl, key, {
      auth: { persistSession: false, autoRefreshToken: false },
      global: key === secretKey ? {} : { headers: { Authorization: `Bearer ${user.token}` } },
    });
    for (const schema of ["acontext_sessions", "vault", "net", "cron", "auth"]) {
      const { status, error } = await client.schema(schema).from("settings").select();
      assertEquals([schema, status, error?.code], [schema, 406, "PGRST106"]);
    }
  }
});

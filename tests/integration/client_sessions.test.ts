import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { createSessionsClient, SessionsError } from "acontext-sessions-client";
import { ours } from "./support/remote.ts";
import type { TestUser } from "./support/users.ts";
import { integrationTest, type World } from "./support/world.ts";

const clientOf = ({ client }: TestUser) => createSessionsClient(client, { retries: 0 });

async function newClient(world: World) {
  const user = await world.newUser();
  return { user, chat: clientOf(user) };
}

/** Sets when each session was last used, so that their order is known. */
async function age(world: World, ids: string[]): Promise<void> {
  const { sql } = world.database;
  await sql`
    update public.session_mappings as s
    set last_activity_at = acontext_sessions.clock() - make_interval(mins => i.n::integer)
    from unnest(${ids}::uuid[]) with ordinality as i (id, n)
    where s.id = i.id`;
}

async function refusal(work: Promise<unknown>): Promise<[string, number]> {
  const { code, status } = await assertRejects(() => work, SessionsError);
  return [code, status];
}

integrationTest("the client creates, gets and deletes a session", async (world) => {
  const { chat } = await newClient(world);
  const made = await chat.sessions.create({
    title: "Trip",
    metadata: { model: "small" },
    ttl: 7200,
  });
  assertEquals(await chat.sessions.get(made.id), made);
  assertEquals(await chat.sessions.getOrCreate(made.id, { title: "not used" }), made);
  assertEquals(await chat.sessions.delete(made.id), { deleted: true });
  assertEquals(await refusal(chat.sessions.get(made.id)), ["session_not_found", 404]);
  assertEquals(await refusal(chat.sessions.delete(made.id)), ["session_not_found", 404]);
  assertEquals(ours(await world.remote.audit()), { sessions: [], disks: [] });
});

integrationTest("the client makes a session under an id of the app's", async (world) => {
  const { chat } = await newClient(world);
  const id = crypto.randomUUID();
  const [first, second] = [
    await chat.sessions.getOrCreate(id),
    await chat.sessions.getOrCreate(id),
  ];
  assertEquals([first.id, second.createdAt], [id, first.createdAt]);
  assertEquals(await world.database.rowCount(), 1);
});

integrationTest("the client changes title, metadata, pin and lifetime", async (world) => {
  const { chat } = await newClient(world);
  const { id } = await chat.sessions.create();
  assertEquals((await chat.sessions.rename(id, "Łódź")).title, "Łódź");
  assertEquals((await chat.sessions.rename(id, null)).title, null);
  assertEquals((await chat.sessions.setMetadata(id, { a: [1] })).metadata, { a: [1] });
  assertEquals((await chat.sessions.pin(id)).expiresAt, null);
  assertEquals((await chat.sessions.pin(id, false)).pinned, false);
  for (const ttl of [60, 90, 3_600, 86_400, 5_184_000, 315_360_000]) {
    const { lastActivityAt, expiresAt, ...changed } = await chat.sessions.setTtl(id, ttl);
    assertEquals(changed.ttl, ttl);
    assertEquals(Date.parse(expiresAt ?? "") - Date.parse(lastActivityAt), ttl * 1000);
  }
  assertEquals((await chat.sessions.setTtl(id, null)).ttl, null);
});

integrationTest("the client names the field that is out of range", async (world) => {
  const { chat } = await newClient(world);
  const { id } = await chat.sessions.create();
  const changes: [string, () => Promise<unknown>][] = [
    ["title", () => chat.sessions.rename(id, "x".repeat(201))],
    ["metadata", () => chat.sessions.setMetadata(id, { a: "x".repeat(8_192) })],
    ["ttl", () => chat.sessions.setTtl(id, 59)],
    ["ttl", () => chat.sessions.setTtl(id, 315_360_001)],
    ["ttl", () => chat.sessions.create({ ttl: 59 })],
  ];
  for (const [path, change] of changes) {
    const error: SessionsError = await assertRejects(change, SessionsError);
    const paths = error.details?.map((detail) => detail.path);
    assertEquals([error.code, error.status, paths], ["invalid_request", 400, [path]]);
  }
  const { code, requestId } = await assertRejects(
    () => chat.sessions.getOrCreate("no-id"),
    SessionsError,
  );
  assertEquals([code, typeof requestId], ["invalid_id", "string"]);
  assertEquals(await refusal(chat.sessions.get("no-id")), ["invalid_request", 400]);
});

integrationTest("the client cannot reach somebody else's session", async (world) => {
  const { chat } = await newClient(world);
  const { id } = await (await newClient(world)).chat.sessions.create();
  const attempts = [
    () => chat.sessions.get(id),
    () => chat.sessions.getOrCreate(id),
    () => chat.sessions.rename(id, "mine"),
    () => chat.sessions.setTtl(id, 60),
    () => chat.sessions.delete(id),
    () => chat.sessions.restore(id),
    () => chat.messages.load(id),
    () => chat.files.list(id),
  ];
  for (const attempt of attempts) {
    assertEquals(await refusal(attempt()), ["session_not_found", 404]);
  }
  assertEquals(await chat.sessions.list(), { sessions: [], nextCursor: null });
});

integrationTest("nobody signed in is unauthorized", async (world) => {
  const chat = createSessionsClient(world.nobody(), { retries: 0 });
  const id = crypto.randomUUID();
  const attempts = [
    () => chat.sessions.create(),
    () => chat.sessions.get(id),
    () => chat.sessions.list(),
    () => chat.sessions.rename(id, "x"),
    () => chat.messages.tokens(id),
    () => chat.files.remove(id, { filename: "a" }),
  ];
  for (const attempt of attempts) {
    assertEquals(await refusal(attempt()), ["unauthorized", 401]);
  }
});

integrationTest("the client restores within the grace period", async (world) => {
  const { chat } = await newClient(world);
  await world.database.configure({ deletion_grace: "1 hour" });
  const { id } = await chat.sessions.create({ title: "back" });
  assertEquals(await chat.sessions.delete(id), { deleted: false, status: "deleting" });
  assertEquals((await chat.sessions.list()).sessions, []);
  assertEquals((await chat.sessions.restore(id)).title, "back");
  assertEquals(await refusal(chat.sessions.restore(id)), ["not_restorable", 409]);
});

integrationTest("the list has pinned sessions first, then the newest activity", async (world) => {
  const { user, chat } = await newClient(world);
  const ids = (await world.createdMany(user, 7)).map((session) => session.id);
  await age(world, ids);
  const [a = "", b = "", c = "", d = "", e = "", f = "", g = ""] = ids;
  for (const id of [f, b, g]) await chat.sessions.pin(id);
  const wanted = [b, f, g, a, c, d, e];
  for (const limit of [1, 2, 3, 4, 7, 8]) {
    const pages: string[][] = [];
    for await (const { sessions } of chat.sessions.pages({ limit })) {
      pages.push(sessions.map((session) => session.id));
    }
    assertEquals(pages.flat(), wanted, `limit ${limit}`);
    assertEquals(pages.length, Math.ceil(wanted.length / limit), `limit ${limit}`);
  }
  const { sessions } = await chat.sessions.list();
  assertEquals(sessions.map(({ expiresAt }) => expiresAt === null), wanted.map((_, i) => i < 3));
});

integrationTest("sessions used at the same instant are on one page each", async (world) => {
  const { user, chat } = await newClient(world);
  const made = await world.createdMany(user, 9);
  const { sql } = world.database;
  await sql`
    update public.session_mappings set last_activity_at = '2026-01-01 00:00:00.123456+00',
      pinned = (get_byte(uuid_send(id), 15) % 2 = 0)
    where user_id = ${user.id}`;
  const met: string[] = [];
  for await (const { sessions } of chat.sessions.pages({ limit: 2 })) {
    met.push(...sessions.map((session) => session.id));
  }
  assertEquals(met.toSorted(), made.map((session) => session.id).toSorted());
});

integrationTest("a page goes on behind its cursor whatever is used meanwhile", async (world) => {
  const { user, chat } = await newClient(world);
  const ids = (await world.createdMany(user, 4)).map((session) => session.id);
  await age(world, ids);
  const first = await chat.sessions.list({ limit: 2 });
  await age(world, ids.slice(0, 1));
  await chat.sessions.create({ title: "new" });
  const second = await chat.sessions.list({ limit: 2, cursor: first.nextCursor });
  assertEquals(second.sessions.map((session) => session.id), ids.slice(2));
});

integrationTest("a search finds titles by their characters, in any case", async (world) => {
  const { chat } = await newClient(world);
  const titles = [
    "100% sure",
    "1000 sure",
    "a*b",
    "aXb",
    "a_b",
    "C:\\dir",
    "ŁÓDŹ (1)",
    'say "x", y',
  ];
  for (const title of titles) await chat.sessions.create({ title });
  await chat.sessions.create();
  const found = async (search: string) =>
    (await chat.sessions.list({ search })).sessions.map((session) => session.title).toSorted();
  assertEquals(await found("0% S"), ["100% sure"]);
  assertEquals(await found("A*B"), ["a*b"]);
  assertEquals(await found("a_b"), ["a_b"]);
  assertEquals(await found("a.b"), []);
  assertEquals(await found(":\\d"), ["C:\\dir"]);
  assertEquals(await found("łódź (1)"), ["ŁÓDŹ (1)"]);
  assertEquals(await found('"x", y'), ['say "x", y']);
  for (
    const odd of ["***:", "***=a", "(?i)a", "[[:<:]]", "^", "$", "{1}", "\\", "%", "&", "=", "#"]
  ) {
    const matching = titles.filter((title) => title.includes(odd)).toSorted();
    assertEquals(await found(odd), matching, odd);
  }
  const pages: number[] = [];
  for await (const { sessions } of chat.sessions.pages({ search: "sure", limit: 1 })) {
    pages.push(sessions.length);
  }
  assertEquals(pages, [1, 1]);
});

integrationTest("a list with a bad limit or cursor is refused before it is sent", async (world) => {
  const { chat } = await newClient(world);
  for (const limit of [0, 201, 1.5, NaN]) {
    assertEquals(await refusal(chat.sessions.list({ limit })), ["invalid_request", 400]);
  }
  const bad = ["x", "%", btoa("2x/y"), btoa('12026-01-01T00:00:00"),id.gt./0')];
  for (const cursor of bad) {
    assertEquals(await refusal(chat.sessions.list({ cursor })), ["invalid_request", 400]);
  }
});

import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { createSessionsClient, SessionsError } from "acontext-sessions-client";
import { integrationTest, type World } from "./support/world.ts";

async function newChat(world: World) {
  const user = await world.newUser();
  const chat = createSessionsClient(user.client, { retries: 0 });
  const { id } = await chat.sessions.create();
  return { ...chat, id };
}

integrationTest("the client stores messages and loads them in every way", async (world) => {
  const { id, messages, sessions } = await newChat(world);
  const texts = ["one", "two", "three", "four", "five"];
  for (const content of texts) await messages.store(id, { role: "user", content });
  const contents = (page: { messages: { message: unknown }[] }) =>
    page.messages.map(({ message }) => message);
  const said = texts.map((content) => ({ role: "user", content }));

  assertEquals(contents(await messages.load(id)), said);
  assertEquals(contents(await messages.load(id, { last: 2 })), said.slice(3));
  const first = await messages.load<{ content: string }>(id, { limit: 2, editStrategies: [] });
  assertEquals(first.messages.map(({ message }) => message.content), ["one", "two"]);
  assertEquals(first.hasMore, true);
  const pages: unknown[][] = [];
  for await (const page of messages.pages(id, { limit: 2 })) pages.push(contents(page));
  assertEquals(pages.map((page) => page.length), [2, 2, 1]);
  assertEquals(pages.flat(), said);
  const rest: unknown[] = [];
  const from = { limit: 2, ...(first.nextCursor === null ? {} : { cursor: first.nextCursor }) };
  for await (const page of messages.pages(id, from)) rest.push(...contents(page));
  assertEquals(rest, said.slice(2));
  assertEquals(await messages.tokens(id) > 0, true);
  assertEquals((await sessions.get(id)).messageCount, 5);
});

integrationTest("the client stores every format, with meta and files", async (world) => {
  const { id, messages } = await newChat(world);
  await messages.store(id, { role: "user", content: [{ type: "text", text: "a" }] }, {
    format: "anthropic",
    meta: { from: "app" },
  });
  await messages.store(id, { role: "model", parts: [{ text: "b" }] }, { format: "gemini" });
  const file = new File(["hello"], "note.txt", { type: "text/plain" });
  await messages.store(
    id,
    { role: "user", parts: [{ type: "file", file_field: "note", meta: null }] },
    { format: "acontext", files: { note: file } },
  );
  const { messages: [first], publicUrls } = await messages.load(id, {
    format: "acontext",
    editStrategies: [],
  });
  assertEquals(first?.meta, { from: "app" });
  const [link] = Object.values(publicUrls);
  assertEquals(await (await fetch(link?.url ?? "")).text(), "hello");
  const { messages: shown, publicUrls: links } = await messages.load(id, { editStrategies: [] });
  const [note] = shown.at(-1)?.attachments ?? [];
  assertEquals([note?.type, note?.filename, note?.size], ["file", "note.txt", 5]);
  assertEquals(await (await fetch(links[note?.sha256 ?? ""]?.url ?? "")).text(), "hello");
});

integrationTest("one key stores one message, a call without a key two", async (world) => {
  const { id, messages } = await newChat(world);
  const hello = { role: "user", content: "hello" } as const;
  const once = { idempotencyKey: "k-1" };
  const { id: first } = await messages.store(id, hello, once);
  assertEquals((await messages.store(id, hello, once)).id, first);
  await messages.store(id, hello);
  await messages.store(id, hello);
  assertEquals((await messages.load(id)).messages.length, 3);
  const { code, idempotencyKey } = await assertRejects(
    () => messages.store(id, { role: "user", content: "other" }, once),
    SessionsError,
  );
  assertEquals([code, idempotencyKey], ["idempotency_mismatch", "k-1"]);
});

integrationTest("a message that is wrong is refused with the place of its fault", async (world) => {
  const { id, messages } = await newChat(world);
  const { code, details } = await assertRejects(
    () => messages.store(id, { role: "user", content: [{ type: "text" }] }),
    SessionsError,
  );
  assertEquals([code, details?.[0]?.path], ["invalid_request", "message.content"]);
});

integrationTest("the client uploads, lists, links, reads and removes files", async (world) => {
  const { id, files } = await newChat(world);
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => i % 256);
  const photo = new File([bytes], "a b.png", { type: "image/png" });
  const stored = await files.upload(id, photo, { path: "/in/" });
  assertEquals([stored.path, stored.filename, stored.size], ["/in/", "a b.png", 300]);
  const page = new Blob(["<p>"], { type: "text/html" });
  await files.upload(id, page, { filename: "index.html" });

  const root = await files.list(id);
  assertEquals([root.files.map((file) => file.filename), root.directories], [["index.html"], [
    "in",
  ]]);
  const place = { path: "/in/", filename: "a b.png" };
  const content = await files.download(id, place);
  assertEquals([content.type, await content.bytes()], ["image/png", bytes]);
  const html = await files.download(id, { filename: "index.html" });
  assertEquals([html.type, await html.text()], ["text/html", "<p>"]);
  const url = await files.url(id, { ...place, expires: 60 });
  assertEquals(await (await fetch(url)).bytes(), bytes);

  assertEquals(await files.remove(id, place), { deleted: true });
  assertEquals(await files.remove(id, place), { deleted: false });
  const { code, status } = await assertRejects(() => files.download(id, place), SessionsError);
  assertEquals([code, status], ["file_not_found", 404]);
});

integrationTest("an abort ends a call with the signal's reason", async (world) => {
  const { id, messages, sessions } = await newChat(world);
  const reason = new Error("enough");
  const signal = AbortSignal.abort(reason);
  for (
    const call of [
      () => sessions.create({}, { signal }),
      () => sessions.list({ signal }),
      () => messages.load(id, { signal }),
    ]
  ) assertEquals(await assertRejects(call), reason);

  const later = new AbortController();
  await world.remote.withFaults(
    [{ route: "*", fault: { kind: "delay", ms: 1_500 } }],
    async () => {
      const call = messages.load(id, { signal: later.signal });
      later.abort(reason);
      assertEquals(await assertRejects(() => call), reason);
    },
  );
});

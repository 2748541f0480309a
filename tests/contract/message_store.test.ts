import { assertEquals } from "@std/assert/mod.js";
import { type Api, codesOf, dataOf } from "./api.ts";
import { contractTest, standInTest } from "./harness.ts";
import { loadedSchema, messageSchema } from "./shapes.ts";

function store(api: Api, sessionId: string, json: unknown) {
  return api.call("POST", `/session/${sessionId}/messages`, { json });
}

contractTest("a stored message is answered 201 with its parts, pending", async (api) => {
  const id = await api.session();
  const answer = await store(api, id, { blob: { role: "user", content: "hi" } });
  assertEquals(answer.status, 201);
  const message = dataOf(answer, messageSchema);
  assertEquals(message.session_id, id);
  assertEquals(message.role, "user");
  assertEquals(message.parts, [{ type: "text", text: "hi" }]);
  assertEquals([message.meta, message.session_task_process_status], [{}, "pending"]);
});

contractTest("storing is not idempotent: the same message twice is two", async (api) => {
  const id = await api.session();
  await api.say(id, "same");
  await api.say(id, "same");
  const loaded = dataOf(await api.call("GET", `/session/${id}/messages`), loadedSchema);
  assertEquals(loaded.items.length, 2);
});

contractTest("the caller's meta comes back with the message", async (api) => {
  const id = await api.session();
  const meta = { source: "web", n: 1 };
  const blob = { role: "user", content: "hi" };
  assertEquals(dataOf(await store(api, id, { blob, meta }), messageSchema).meta, meta);
  await store(api, id, { blob });
  const loaded = dataOf(await api.call("GET", `/session/${id}/messages`), loadedSchema);
  assertEquals(loaded.metas, [meta, {}]);
});

contractTest("bad messages are refused with HTTP 400 and code 400", async (api) => {
  const id = await api.session();
  const user = { role: "user", content: "hi" };
  const bad = [
    {},
    { blob: null },
    { blob: user, format: "xml" },
    { blob: { role: "nobody", content: "hi" } },
    { blob: { role: "user" } },
    { blob: user, meta: { text: "x".repeat(64 * 1024) } },
    { format: "acontext", blob: { role: "system", parts: [{ type: "text", text: "hi" }] } },
    { format: "acontext", blob: { role: "user", parts: [{ type: "song", text: "hi" }] } },
    { format: "acontext", blob: { role: "user", parts: [{ type: "text" }] } },
    { format: "acontext", blob: { role: "user", parts: [{ type: "tool-call", meta: {} }] } },
    { format: "anthropic", blob: { role: "system", content: "hi" } },
    { format: "gemini", blob: { role: "assistant", parts: [{ text: "hi" }] } },
  ];
  for (const json of bad) {
    assertEquals(
      codesOf(await store(api, id, json)),
      [400, 400],
      JSON.stringify(json).slice(0, 99),
    );
  }
  assertEquals(codesOf(await store(api, "x", { blob: user })), [400, 400]);
  assertEquals(dataOf(await api.call("GET", `/session/${id}/messages`), loadedSchema).items, []);
});

contractTest("a message without content is stored, but for a user of OpenAI's", async (api) => {
  const id = await api.session();
  const empty = [
    { blob: { role: "assistant" } },
    { format: "acontext", blob: { role: "user", parts: [] } },
    { format: "anthropic", blob: { role: "user", content: [] } },
    { format: "gemini", blob: { role: "user", parts: [] } },
  ];
  for (const json of empty) {
    assertEquals((await store(api, id, json)).status, 201, JSON.stringify(json));
  }
});

contractTest(
  "a missing session is HTTP 400 with code 500, after the input was checked",
  async (api) => {
    const id = crypto.randomUUID();
    const good = { blob: { role: "user", content: "hi" } };
    assertEquals(codesOf(await store(api, id, good)), [400, 500]);
    assertEquals(codesOf(await store(api, id, {})), [400, 400]);
  },
);

contractTest("a file comes in a multipart field that a part names", async (api) => {
  const id = await api.session();
  const blob = {
    role: "user",
    parts: [{ type: "text", text: "see" }, { type: "file", file_field: "doc" }],
  };
  const form = new FormData();
  form.set("payload", JSON.stringify({ format: "acontext", blob }));
  form.set("doc", new File(["content"], "a.txt", { type: "text/plain" }));
  const answer = await api.call("POST", `/session/${id}/messages`, { form });
  assertEquals(answer.status, 201);
  const [, part] = dataOf(answer, messageSchema).parts;
  assertEquals([part?.type, part?.filename, part?.asset?.size_b], ["file", "a.txt", 7]);

  const query = { format: "acontext" };
  const loaded = await api.call("GET", `/session/${id}/messages`, { query });
  const links = dataOf(loaded, loadedSchema).public_urls ?? {};
  const link = links[part?.asset?.sha256 ?? ""];
  const response = await fetch(link?.url ?? "");
  assertEquals([response.status, await response.text()], [200, "content"]);
  const without = { format: "acontext", with_asset_public_url: false };
  const bare = await api.call("GET", `/session/${id}/messages`, { query: without });
  assertEquals(dataOf(bare, loadedSchema).public_urls, undefined);
});

contractTest("a named file that is not sent is refused", async (api) => {
  const path = `/session/${await api.session()}/messages`;
  const blob = { role: "user", parts: [{ type: "file", file_field: "doc" }] };
  const json = { format: "acontext", blob };
  const form = new FormData();
  form.set("payload", JSON.stringify(json));
  assertEquals(codesOf(await api.call("POST", path, { form })), [400, 400]);
  assertEquals(codesOf(await api.call("POST", path, { json })), [400, 500]);
  form.set("payload", "{");
  assertEquals(codesOf(await api.call("POST", path, { form })), [400, 400]);
});

standInTest("another project's session is HTTP 400 with code 500", async (api) => {
  const id = await api.other.session();
  const json = { blob: { role: "user", content: "hi" } };
  assertEquals(codesOf(await store(api, id, json)), [400, 500]);
  assertEquals(codesOf(await api.call("GET", `/session/${id}/messages`)), [400, 500]);
});

standInTest("deleting the session deletes the stored files of its messages", async (api) => {
  const id = await api.session();
  const form = new FormData();
  const blob = { role: "user", parts: [{ type: "file", file_field: "doc" }] };
  form.set("payload", JSON.stringify({ format: "acontext", blob }));
  form.set("doc", new File(["content"], "a.txt"));
  await api.call("POST", `/session/${id}/messages`, { form });
  // What the message says is an object, too.
  assertEquals(api.control.audit().objects, 2);
  // References are counted at the next full second.
  api.advance(1000);
  await api.call("DELETE", `/session/${id}`);
  assertEquals(api.control.content(), { objects: [], leaks: [], losses: [] });
});

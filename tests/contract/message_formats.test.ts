import { assertEquals } from "@std/assert/mod.js";
import { z } from "zod";
import { type Api, dataOf } from "./api.ts";
import { contractTest } from "./harness.ts";
import { loadedSchema, messageSchema } from "./shapes.ts";

async function store(api: Api, id: string, format: string, blob: unknown) {
  const json = { format, blob };
  return dataOf(await api.call("POST", `/session/${id}/messages`, { json }), messageSchema);
}

async function load(api: Api, id: string, format: string) {
  const answer = await api.call("GET", `/session/${id}/messages`, { query: { format } });
  return dataOf(answer, loadedSchema).items;
}

const CALL = {
  role: "assistant",
  content: "let me see",
  tool_calls: [{
    id: "call_1",
    type: "function",
    function: { name: "weather", arguments: '{"city":"Bern"}' },
  }],
};
const RESULT = { role: "tool", tool_call_id: "call_1", content: '{"sky":"blue"}' };

contractTest("openai: what is stored is what is loaded", async (api) => {
  const id = await api.session();
  const blobs = [
    { role: "user", content: "hi", name: "ann" },
    {
      role: "user",
      content: [
        { type: "text", text: "look" },
        { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } },
        { type: "file", file: { file_id: "f1" } },
      ],
    },
    CALL,
    RESULT,
    { role: "assistant", content: "blue" },
  ];
  for (const blob of blobs) await store(api, id, "openai", blob);
  assertEquals(await load(api, id, "openai"), blobs);
});

contractTest("openai: system and developer are stored as user and restored", async (api) => {
  const id = await api.session();
  for (const role of ["system", "developer"]) {
    assertEquals((await store(api, id, "openai", { role, content: "be kind" })).role, "user");
  }
  const roles = (await load(api, id, "openai")).map(({ role }) => role);
  assertEquals(roles, ["system", "developer"]);
});

contractTest("openai: a tool message is stored as a user's tool result", async (api) => {
  const stored = await store(api, await api.session(), "openai", RESULT);
  assertEquals([stored.role, stored.parts[0]?.type], ["user", "tool-result"]);
  assertEquals(stored.parts[0]?.text, RESULT.content);
  assertEquals(stored.parts[0]?.meta?.["tool_call_id"], "call_1");
});

contractTest("openai: a tool call keeps id, name and arguments", async (api) => {
  const stored = await store(api, await api.session(), "openai", CALL);
  assertEquals(stored.parts.map(({ type }) => type), ["text", "tool-call"]);
  const meta = stored.parts[1]?.meta ?? {};
  assertEquals([meta["id"], meta["name"]], ["call_1", "weather"]);
  assertEquals(meta["arguments"], '{"city":"Bern"}');
});

contractTest("anthropic: what is stored is what is loaded", async (api) => {
  const id = await api.session();
  const blobs = [
    { role: "user", content: [{ type: "text", text: "hi" }] },
    {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "hm", signature: "s" },
        { type: "tool_use", id: "t1", name: "weather", input: { city: "Bern" } },
      ],
    },
    {
      role: "user",
      content: [{
        type: "tool_result",
        tool_use_id: "t1",
        content: [{ type: "text", text: "blue" }],
        is_error: false,
      }],
    },
  ];
  for (const blob of blobs) await store(api, id, "anthropic", blob);
  assertEquals(await load(api, id, "anthropic"), blobs);
});

contractTest("gemini: what is stored is what is loaded", async (api) => {
  const id = await api.session();
  const blobs = [
    { role: "user", parts: [{ text: "hi" }] },
    {
      role: "model",
      parts: [{ functionCall: { id: "g1", name: "weather", args: { city: "Bern" } } }],
    },
    {
      role: "user",
      parts: [{ functionResponse: { id: "g1", name: "weather", response: { sky: "blue" } } }],
    },
  ];
  for (const blob of blobs) await store(api, id, "gemini", blob);
  assertEquals(await load(api, id, "gemini"), blobs);
});

contractTest("acontext: items are the stored messages themselves", async (api) => {
  const id = await api.session();
  const parts = [
    { type: "text", text: "hi" },
    { type: "thinking", text: "hm" },
    { type: "data", meta: { data_type: "x" } },
  ];
  const stored = await store(api, id, "acontext", { role: "user", parts });
  const [item] = await load(api, id, "acontext");
  const shape = z.object({ id: z.string(), role: z.string(), parts: z.array(z.unknown()) });
  assertEquals(shape.parse(item), { id: stored.id, role: "user", parts });
});

contractTest("a conversation stored in one format is loaded in another", async (api) => {
  const id = await api.session();
  for (const blob of [{ role: "user", content: "hi" }, CALL, RESULT]) {
    await store(api, id, "openai", blob);
  }
  assertEquals(await load(api, id, "anthropic"), [
    { role: "user", content: [{ type: "text", text: "hi" }] },
    {
      role: "assistant",
      content: [
        { type: "text", text: "let me see" },
        { type: "tool_use", id: "call_1", name: "weather", input: { city: "Bern" } },
      ],
    },
    {
      role: "user",
      content: [{
        type: "tool_result",
        tool_use_id: "call_1",
        content: [{ type: "text", text: RESULT.content }],
        is_error: false,
      }],
    },
  ]);
  const [, call, result] = await load(api, id, "gemini");
  assertEquals(call, {
    role: "model",
    parts: [
      { text: "let me see" },
      { functionCall: { id: "call_1", name: "weather", args: { city: "Bern" } } },
    ],
  });
  assertEquals(result, {
    role: "user",
    parts: [{ functionResponse: { id: "call_1", name: "weather", response: { sky: "blue" } } }],
  });
});

contractTest(
  "acontext: what finds a lost message is there: ids, metas and times in order",
  async (api) => {
    const id = await api.session();
    for (const meta of [{}, { wanted: { mark: "x" } }, { other: 1 }]) {
      const json = { blob: { role: "user", content: "hi" }, meta };
      assertEquals((await api.call("POST", `/session/${id}/messages`, { json })).status, 201);
    }
    const query = { format: "acontext", limit: 200, with_asset_public_url: false };
    const page = dataOf(
      await api.call("GET", `/session/${id}/messages`, { query }),
      z.object({
        ids: z.array(z.uuid()).length(3),
        metas: z.array(z.record(z.string(), z.unknown())),
        items: z.array(z.object({ id: z.uuid(), created_at: z.iso.datetime({ offset: true }) })),
      }),
    );
    assertEquals(page.items.map((item) => item.id), page.ids);
    assertEquals(page.metas, [{}, { wanted: { mark: "x" } }, { other: 1 }]);
  },
);

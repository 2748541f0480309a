import { assert, assertEquals } from "@std/assert/mod.js";
import { type Api, codesOf, dataOf } from "./api.ts";
import { contractTest } from "./harness.ts";
import { loadedSchema } from "./shapes.ts";

/** A question, then calls `a`, `b`, `a`, `b`, `a` with results, then an answer: 12 messages. */
async function toolConversation(api: Api): Promise<string> {
  const id = await api.session();
  await api.say(id, "question");
  for (const [n, name] of ["a", "b", "a", "b", "a"].entries()) {
    const call = { name, arguments: `{"n":${n},"text":"some words to count"}` };
    const tool_calls = [{ id: `c${n}`, type: "function", function: call }];
    const result = `result number ${n} has some words`;
    await store(api, id, { role: "assistant", tool_calls });
    await store(api, id, { role: "tool", tool_call_id: `c${n}`, content: result });
  }
  await store(api, id, { role: "assistant", content: "answer" });
  return id;
}

async function store(api: Api, id: string, blob: unknown): Promise<void> {
  await api.call("POST", `/session/${id}/messages`, { json: { blob } });
}

async function edited(api: Api, id: string, type: string, params: unknown, query = {}) {
  const edit_strategies = JSON.stringify([{ type, params }]);
  const answer = await api.call("GET", `/session/${id}/messages`, {
    query: { edit_strategies, ...query },
  });
  return dataOf(answer, loadedSchema);
}

async function results(api: Api, id: string, params: unknown): Promise<unknown[]> {
  const { items } = await edited(api, id, "remove_tool_result", params);
  return items.filter(({ role }) => role === "tool").map(({ content }) => content);
}

async function calls(api: Api, id: string, params: unknown): Promise<string> {
  const { items } = await edited(api, id, "remove_tool_call_params", params);
  return items.filter((item) => "tool_calls" in item)
    .map((item) => JSON.stringify(item).includes('"arguments":"{}"') ? "-" : "+").join("");
}

contractTest("remove_tool_result empties all but the newest results", async (api) => {
  const id = await toolConversation(api);
  const kept = [0, 1, 2, 3, 4].map((n) => `result number ${n} has some words`);
  assertEquals(await results(api, id, {}), ["Done", "Done", ...kept.slice(2)]);
  const custom = { keep_recent_n_tool_results: 1, tool_result_placeholder: " gone " };
  assertEquals(await results(api, id, custom), [...Array(4).fill("gone"), kept[4]]);
  const none = { keep_recent_n_tool_results: 0, keep_tools: ["a"] };
  assertEquals(await results(api, id, none), [kept[0], "Done", kept[2], "Done", kept[4]]);
  const short = { keep_recent_n_tool_results: 0, gt_token: 1000 };
  assertEquals(await results(api, id, short), kept);
});

contractTest("remove_tool_call_params empties all but the newest arguments", async (api) => {
  const id = await toolConversation(api);
  assertEquals(await calls(api, id, {}), "--+++");
  assertEquals(await calls(api, id, { keep_recent_n_tool_calls: 0 }), "-----");
  assertEquals(await calls(api, id, { keep_recent_n_tool_calls: 0, keep_tools: ["b"] }), "-+-+-");
  assertEquals(await calls(api, id, { keep_recent_n_tool_calls: 0, gt_token: 1000 }), "+++++");
});

contractTest("token_limit drops the oldest and keeps tool pairs whole", async (api) => {
  const id = await toolConversation(api);
  const all = await edited(api, id, "token_limit", { limit_tokens: 100_000 });
  assertEquals(all.items.length, 12);
  for (const share of [0.9, 0.75, 0.5, 0.25]) {
    const limit_tokens = Math.floor(all.this_time_tokens * share);
    const some = await edited(api, id, "token_limit", { limit_tokens });
    assert(some.this_time_tokens <= limit_tokens);
    assert(some.items.length < 12 && some.items.length > 0);
    assertEquals(some.ids, all.ids.slice(-some.ids.length));
    assert(pairsOf(some.items).every(([call, result]) => call && result), `at ${share}`);
  }
});

contractTest("middle_out drops from the middle and keeps tool pairs whole", async (api) => {
  const id = await toolConversation(api);
  const all = await edited(api, id, "token_limit", { limit_tokens: 100_000 });
  for (const share of [0.9, 0.75, 0.5, 0.25]) {
    const token_reduce_to = Math.floor(all.this_time_tokens * share);
    const some = await edited(api, id, "middle_out", { token_reduce_to });
    assert(some.this_time_tokens <= token_reduce_to);
    assertEquals([some.ids[0], some.ids.at(-1)], [all.ids[0], all.ids.at(-1)]);
    assert(pairsOf(some.items).every(([call, result]) => call && result), `at ${share}`);
  }
});

/** For each tool call id: is the call there, is the result there? */
function pairsOf(items: Record<string, unknown>[]): [boolean, boolean][] {
  const calls = items.filter(({ role }) => role === "assistant").map((item) =>
    JSON.stringify(item)
  );
  const results = items.map((item) => item["tool_call_id"]);
  return ["c0", "c1", "c2", "c3", "c4"].map((id): [boolean, boolean] => [
    calls.some((call) => call.includes(`"${id}"`)),
    results.includes(id),
  ]).filter(([call, result]) => call || result);
}

contractTest("strategies apply to the returned page only", async (api) => {
  const id = await toolConversation(api);
  const params = { keep_recent_n_tool_results: 0 };
  const page = await edited(api, id, "remove_tool_result", params, { limit: 3 });
  assertEquals(page.items.map(({ content }) => content), ["question", undefined, "Done"]);
  assertEquals(page.has_more, true);
});

contractTest("strategies apply one after the other", async (api) => {
  const id = await toolConversation(api);
  const edit_strategies = JSON.stringify([
    { type: "remove_tool_result", params: { keep_recent_n_tool_results: 0 } },
    { type: "remove_tool_call_params", params: { keep_recent_n_tool_calls: 0 } },
  ]);
  const answer = await api.call("GET", `/session/${id}/messages`, { query: { edit_strategies } });
  assertEquals([answer.text.includes("result number"), answer.text.includes("to count")], [
    false,
    false,
  ]);
});

contractTest("an unknown strategy or a bad parameter is HTTP 400 with code 500", async (api) => {
  const path = `/session/${await toolConversation(api)}/messages`;
  const bad = [
    { type: "unknown" },
    { type: "token_limit" },
    { type: "token_limit", params: { limit_tokens: 0 } },
    { type: "token_limit", params: { limit_tokens: "1" } },
    { type: "middle_out", params: {} },
    { type: "middle_out", params: { token_reduce_to: 0 } },
    { type: "middle_out", params: { token_reduce_to: 1.5 } },
    { type: "remove_tool_result", params: { keep_recent_n_tool_results: -1 } },
    { type: "remove_tool_result", params: { keep_recent_n_tool_results: "1" } },
    { type: "remove_tool_result", params: { tool_result_placeholder: 1 } },
    { type: "remove_tool_result", params: { keep_tools: "a" } },
    { type: "remove_tool_result", params: { gt_token: 0 } },
    { type: "remove_tool_call_params", params: { keep_tools: [1] } },
  ];
  for (const strategy of bad) {
    const query = { edit_strategies: JSON.stringify([strategy]) };
    const answer = await api.call("GET", path, { query });
    assertEquals(codesOf(answer), [400, 500], JSON.stringify(strategy));
  }
});

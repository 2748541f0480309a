import { assertEquals } from "@std/assert/mod.js";
import { type Api, codesOf, dataOf } from "./api.ts";
import { contractTest } from "./harness.ts";
import { loadedSchema } from "./shapes.ts";

async function load(api: Api, id: string, query: Record<string, string | number | boolean> = {}) {
  const loaded = dataOf(await api.call("GET", `/session/${id}/messages`, { query }), loadedSchema);
  return { ...loaded, texts: loaded.items.map(({ content }) => content) };
}

async function conversation(api: Api, length: number): Promise<string> {
  const id = await api.session();
  for (let n = 1; n <= length; n += 1) await api.say(id, `m${n}`);
  return id;
}

contractTest("without a limit, or with 0, all messages come, oldest first", async (api) => {
  const id = await conversation(api, 25);
  const expected = Array.from({ length: 25 }, (_, n) => `m${n + 1}`);
  for (const query of [{}, { limit: 0 }, { limit: 0, cursor: "x" }, { time_desc: true }]) {
    const { texts, has_more, next_cursor, ids, metas } = await load(api, id, query);
    assertEquals(texts, expected);
    assertEquals([has_more, next_cursor, ids.length, metas.length], [false, undefined, 25, 25]);
  }
});

contractTest("a message names the one before it, on whatever page it is", async (api) => {
  const id = await api.session();
  const said = [];
  for (const content of ["0", "1", "2"]) said.push(await api.say(id, content));
  const parents: unknown[] = [];
  let cursor: string | undefined;
  do {
    const query = { format: "acontext", limit: 1, ...(cursor === undefined ? {} : { cursor }) };
    const answer = await api.call("GET", `/session/${id}/messages`, { query });
    const page = dataOf(answer, loadedSchema);
    parents.push(...page.items.map((item) => item["parent_id"]));
    cursor = page.next_cursor;
  } while (cursor !== undefined);
  assertEquals(parents, [null, ...said.slice(0, 2)]);
});

contractTest("an empty session has empty lists and no tokens", async (api) => {
  const { items, ids, metas, this_time_tokens } = await load(api, await api.session());
  assertEquals([items, ids, metas, this_time_tokens], [[], [], [], 0]);
});

contractTest("oldest first, pages lose nothing", async (api) => {
  const id = await conversation(api, 5);
  const first = await load(api, id, { limit: 2 });
  assertEquals([first.texts, first.has_more], [["m1", "m2"], true]);
  const second = await load(api, id, { limit: 2, cursor: first.next_cursor ?? "" });
  assertEquals(second.texts, ["m3", "m4"]);
  const third = await load(api, id, { limit: 2, cursor: second.next_cursor ?? "" });
  assertEquals([third.texts, third.has_more, third.next_cursor], [["m5"], false, undefined]);
});

contractTest(
  "newest first with a limit loses the newest message while there is more",
  async (api) => {
    const id = await conversation(api, 5);
    const query = { limit: 2, time_desc: true };
    const page = await load(api, id, query);
    assertEquals([page.texts, page.has_more], [["m3", "m4"], true]);
    const exact = await load(api, id, { limit: 5, time_desc: true });
    assertEquals([exact.texts.at(-1), exact.has_more], ["m5", false]);
  },
);

contractTest("bad parameters are HTTP 400 with code 400", async (api) => {
  const path = `/session/${await api.session()}/messages`;
  const bad = [
    { limit: -1 },
    { limit: 201 },
    { limit: "x" },
    { format: "xml" },
    { time_desc: "maybe" },
    { with_asset_public_url: "maybe" },
    { edit_strategies: "{" },
    { edit_strategies: '{"type":"token_limit"}' },
  ];
  for (const query of bad) {
    assertEquals(
      codesOf(await api.call("GET", path, { query })),
      [400, 400],
      JSON.stringify(query),
    );
  }
  assertEquals(codesOf(await api.call("GET", "/session/x/messages")), [400, 400]);
});

contractTest("a missing session and a bad cursor are HTTP 400 with code 500", async (api) => {
  const missing = await api.call("GET", `/session/${crypto.randomUUID()}/messages`);
  assertEquals(codesOf(missing), [400, 500]);
  const path = `/session/${await conversation(api, 1)}/messages`;
  const query = { limit: 1, cursor: "x" };
  assertEquals(codesOf(await api.call("GET", path, { query })), [400, 500]);
});

import { assertEquals } from "@std/assert/mod.js";
import { type Api, codesOf, dataOf } from "./api.ts";
import { contractTest } from "./harness.ts";
import { pageOf, sessionSchema } from "./shapes.ts";

async function find(api: Api, filter: unknown): Promise<string[]> {
  const query = { filter_by_configs: JSON.stringify(filter), limit: 200 };
  const page = dataOf(await api.call("GET", "/session", { query }), pageOf(sessionSchema));
  return page.items.map(({ id }) => id);
}

contractTest("filter_by_configs contains like jsonb @>", async (api) => {
  const mark = api.mark;
  const configs = {
    mark,
    n: 1,
    yes: true,
    nothing: null,
    deep: { a: { b: "c", d: 2 } },
    list: [1, [2, 3], { x: 1, y: 2 }],
  };
  const id = await api.session({ configs });
  await api.session({ configs: { mark: `${mark}-not` } });
  const containing = [
    { mark },
    { mark, n: 1.0 },
    { mark, nothing: null },
    { mark, deep: {} },
    { mark, deep: { a: { b: "c" } } },
    { mark, list: [] },
    { mark, list: [{ x: 1 }, 1, 1] },
    { mark, list: [[3]] },
  ];
  for (const filter of containing) assertEquals(await find(api, filter), [id], show(filter));
  const lacking = [
    { mark, n: "1" },
    { mark, n: 2 },
    { mark, yes: null },
    { mark, missing: null },
    { mark, deep: { b: "c" } },
    { mark, deep: { a: { b: "c", e: 1 } } },
    { mark, deep: [] },
    { mark, list: 1 },
    { mark, list: [2] },
    { mark, list: [{ x: 2 }] },
  ];
  for (const filter of lacking) assertEquals(await find(api, filter), [], show(filter));
});

function show(filter: unknown): string {
  return JSON.stringify(filter);
}

contractTest("filter_by_configs goes together with user and with pages", async (api) => {
  const ids: string[] = [];
  for (let n = 0; n < 5; n += 1) {
    await api.session({ configs: { other: n } });
    ids.push(await api.session({ user: n < 4 ? api.mark : `${api.mark}-2` }));
  }
  const filter_by_configs = JSON.stringify({ contract: api.mark });
  const found: string[] = [];
  let cursor = "";
  do {
    const query = { user: api.mark, filter_by_configs, limit: 2, ...(cursor ? { cursor } : {}) };
    const page = dataOf(await api.call("GET", "/session", { query }), pageOf(sessionSchema));
    found.push(...page.items.map(({ id }) => id));
    cursor = page.next_cursor ?? "";
  } while (cursor !== "");
  assertEquals(found, ids.slice(0, 4));
});

contractTest("an empty filter_by_configs object is no filter", async (api) => {
  const id = await api.session({ configs: null, user: api.mark });
  const query = { filter_by_configs: "{}", user: api.mark };
  const page = dataOf(await api.call("GET", "/session", { query }), pageOf(sessionSchema));
  assertEquals(page.items.map((session) => session.id), [id]);
});

contractTest("a session without configs matches no filter", async (api) => {
  await api.session({ configs: null, user: api.mark });
  const query = { filter_by_configs: JSON.stringify({ nothing: {} }), user: api.mark };
  const page = dataOf(await api.call("GET", "/session", { query }), pageOf(sessionSchema));
  assertEquals(page.items, []);
});

contractTest("filter_by_configs that is no JSON object is refused", async ({ call }) => {
  for (const filter_by_configs of ["[]", "1", '"x"', "{"]) {
    const answer = await call("GET", "/session", { query: { filter_by_configs } });
    assertEquals(codesOf(answer), [400, 400], filter_by_configs);
  }
});

import { assertEquals } from "@std/assert/mod.js";
import { z } from "zod";
import { type Api, codesOf, dataOf } from "./api.ts";
import { contractTest, standInTest } from "./harness.ts";
import { pageOf } from "./shapes.ts";

const pageSchema = pageOf(z.object({ id: z.string(), created_at: z.string() }));
type Query = Record<string, string | number | boolean>;

async function page(api: Api, path: string, query: Query = {}) {
  return dataOf(await api.call("GET", path, { query: { user: api.mark, ...query } }), pageSchema);
}

/** Makes sessions or disks with our label, one after the other. */
async function make(api: Api, path: string, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) {
    ids.push(path === "/disk" ? await api.disk() : await api.session({ user: api.mark }));
  }
  return ids;
}

async function walk(api: Api, path: string, query: Query): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const { items, next_cursor } = await page(api, path, {
      ...query,
      ...(cursor === undefined ? {} : { cursor }),
    });
    ids.push(...items.map(({ id }) => id));
    cursor = next_cursor;
  } while (cursor !== undefined);
  return ids;
}

for (const path of ["/session", "/disk"]) {
  contractTest(`${path} lists oldest first, or newest first, page by page`, async (api) => {
    const ids = await make(api, path, 5);
    assertEquals(await walk(api, path, { limit: 2 }), ids);
    assertEquals(await walk(api, path, { limit: 2, time_desc: true }), ids.toReversed());
    assertEquals(await walk(api, path, { limit: 5 }), ids);
  });

  contractTest(`${path} has next_cursor only when there is more`, async (api) => {
    await make(api, path, 2);
    const full = await page(api, path, { limit: 2 });
    assertEquals([full.has_more, "next_cursor" in full], [false, false]);
    const half = await page(api, path, { limit: 1 });
    assertEquals([half.has_more, "next_cursor" in half], [true, true]);
  });

  contractTest(`${path} skips nothing when items are deleted while paging`, async (api) => {
    const ids = await make(api, path, 5);
    const first = await page(api, path, { limit: 2 });
    for (const { id } of first.items) await api.call("DELETE", `${path}/${id}`);
    const cursor = first.next_cursor ?? "";
    const rest = await page(api, path, { limit: 200, cursor });
    assertEquals(rest.items.map(({ id }) => id), ids.slice(2));
  });

  contractTest(`${path} refuses limits outside 1 to 200 and bad booleans`, async (api) => {
    for (const limit of [0, -1, 201, "x", "1.5"]) {
      const answer = await api.call("GET", path, { query: { limit } });
      assertEquals(codesOf(answer), [400, 400], String(limit));
    }
    const answer = await api.call("GET", path, { query: { time_desc: "maybe" } });
    assertEquals(codesOf(answer), [400, 400]);
  });

  contractTest(`${path} answers a bad cursor with 500`, async (api) => {
    for (const cursor of ["x", "!", btoa("a|b")]) {
      assertEquals(codesOf(await api.call("GET", path, { query: { cursor } })), [500, 500]);
    }
  });

  contractTest(`${path} matches a user exactly, and an unknown user owns nothing`, async (api) => {
    const [id = ""] = await make(api, path, 1);
    assertEquals((await page(api, path)).items.map((item) => item.id), [id]);
    const unknown = { user: api.mark.slice(0, -1) };
    assertEquals(await page(api, path, unknown), { items: [], has_more: false });
  });

  standInTest(`${path} lists 20 by default and only the own project's`, async (api) => {
    await make(api, path, 21);
    await make(api.other, path, 1);
    const answer = dataOf(await api.call("GET", path), pageSchema);
    assertEquals([answer.items.length, answer.has_more], [20, true]);
    const all = await api.call("GET", path, { query: { limit: 200 } });
    assertEquals(dataOf(all, pageSchema).items.length, 21);
  });
}

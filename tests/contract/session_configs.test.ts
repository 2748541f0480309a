import { assertEquals } from "@std/assert/mod.js";
import { z } from "zod";
import { codesOf, dataOf } from "./api.ts";
import { contractTest, standInTest } from "./harness.ts";
import { pageOf, sessionSchema } from "./shapes.ts";

contractTest("configs are read as the whole session", async ({ call, session, mark }) => {
  const id = await session();
  const answer = dataOf(await call("GET", `/session/${id}/configs`), sessionSchema);
  assertEquals([answer.id, answer.configs], [id, { contract: mark }]);
});

contractTest("PUT replaces configs and PATCH merges them, null removing a key", async (api) => {
  const { call, mark } = api;
  const id = await api.session();
  const put = { configs: { contract: mark, a: 1, b: { c: 2 } } };
  assertEquals((await call("PUT", `/session/${id}/configs`, { json: put })).status, 200);
  const patch = { configs: { a: null, d: 3 } };
  const patched = await call("PATCH", `/session/${id}/configs`, { json: patch });
  const expected = { contract: mark, b: { c: 2 }, d: 3 };
  assertEquals(dataOf(patched, z.object({ configs: z.unknown() })).configs, expected);
  const read = await call("GET", `/session/${id}/configs`);
  assertEquals(dataOf(read, sessionSchema).configs, expected);
});

contractTest("changed configs are what filters see", async ({ call, session, mark }) => {
  const id = await session();
  await call("PUT", `/session/${id}/configs`, { json: { configs: { moved: mark } } });
  async function find(filter: unknown) {
    const query = { filter_by_configs: JSON.stringify(filter) };
    const page = dataOf(await call("GET", "/session", { query }), pageOf(sessionSchema));
    return page.items.map((item) => item.id);
  }
  assertEquals(await find({ contract: mark }), []);
  assertEquals(await find({ moved: mark }), [id]);
});

contractTest("reading configs of a missing session is a 500, patching them a 404", async (api) => {
  const path = `/session/${crypto.randomUUID()}/configs`;
  assertEquals(codesOf(await api.call("GET", path)), [500, 500]);
  const json = { configs: { a: 1 } };
  assertEquals(codesOf(await api.call("PATCH", path, { json })), [404, 404]);
});

contractTest("configs: a malformed id or body is a 400", async ({ call, session }) => {
  assertEquals(codesOf(await call("GET", "/session/x/configs")), [400, 400]);
  const path = `/session/${await session()}/configs`;
  assertEquals(codesOf(await call("PATCH", path, { json: {} })), [400, 400]);
  assertEquals(codesOf(await call("PUT", path, { json: { configs: [] } })), [400, 400]);
});

standInTest("configs of another project's session are a 403", async ({ call, other }) => {
  const id = await other.session();
  assertEquals(codesOf(await call("GET", `/session/${id}/configs`)), [403, 403]);
});

import { assert, assertEquals, assertNotEquals } from "@std/assert/mod.js";
import { codesOf, dataOf } from "./api.ts";
import { contractTest, standInTest } from "./harness.ts";
import { sessionSchema } from "./shapes.ts";

contractTest("a new session is answered 201 with all its fields", async (api) => {
  const json = { configs: { contract: api.mark, n: 1 }, disable_task_tracking: true };
  const answer = await api.call("POST", "/session", { json });
  assertEquals(answer.status, 201);
  const session = dataOf(answer, sessionSchema);
  assertEquals(session.configs, json.configs);
  assertEquals(session.disable_task_tracking, true);
  assertEquals(session.user_id, null);
});

contractTest("use_uuid makes creating idempotent: 201, then 200 with the first", async (api) => {
  const use_uuid = crypto.randomUUID();
  const first = { use_uuid, configs: { contract: api.mark } };
  const second = { use_uuid, configs: { other: true }, disable_task_tracking: true };
  const created = await api.call("POST", "/session", { json: first });
  assertEquals(created.status, 201);
  assertEquals(dataOf(created, sessionSchema).id, use_uuid);
  const again = await api.call("POST", "/session", { json: second });
  assertEquals(again.status, 200);
  assertEquals(dataOf(again, sessionSchema), dataOf(created, sessionSchema));
});

contractTest("use_uuid is answered in lower case", async (api) => {
  const use_uuid = crypto.randomUUID();
  const json = { use_uuid: use_uuid.toUpperCase() };
  assertEquals(dataOf(await api.call("POST", "/session", { json }), sessionSchema).id, use_uuid);
});

contractTest("an empty use_uuid is ignored", async ({ call }) => {
  const one = dataOf(await call("POST", "/session", { json: { use_uuid: "" } }), sessionSchema);
  const two = dataOf(await call("POST", "/session", { json: { use_uuid: "" } }), sessionSchema);
  assertNotEquals(one.id, two.id);
});

contractTest("a malformed use_uuid and configs that are no object are refused", async (api) => {
  for (const json of [{ use_uuid: "x" }, { configs: [] }, { configs: "x" }]) {
    assertEquals(codesOf(await api.call("POST", "/session", { json })), [400, 400]);
  }
});

contractTest("the UUID of a deleted session can be used again", async ({ call, session, mark }) => {
  const use_uuid = crypto.randomUUID();
  await session({ use_uuid });
  await call("DELETE", `/session/${use_uuid}`);
  const json = { use_uuid, configs: { contract: mark, second: true } };
  const answer = await call("POST", "/session", { json });
  assertEquals(answer.status, 201);
  assertEquals(dataOf(answer, sessionSchema).configs, json.configs);
});

contractTest("a user is made even when an existing session is answered", async (api) => {
  const use_uuid = await api.session({ use_uuid: crypto.randomUUID() });
  const json = { use_uuid, user: api.mark };
  const answer = await api.call("POST", "/session", { json });
  assertEquals(answer.status, 200);
  assertEquals(dataOf(answer, sessionSchema).user_id, null);
  const users = await api.call("GET", "/user/ls", { query: { limit: 200, time_desc: true } });
  assert(users.text.includes(api.mark));
});

contractTest("absent configs are null, empty ones stay an object", async ({ call }) => {
  const absent = await call("POST", "/session", { json: {} });
  const empty = await call("POST", "/session", { json: { configs: {} } });
  assertEquals(dataOf(absent, sessionSchema).configs, null);
  assertEquals(dataOf(empty, sessionSchema).configs, {});
});

standInTest("use_uuid of another project's session is a conflict", async ({ call, other }) => {
  const use_uuid = await other.session({ use_uuid: crypto.randomUUID() });
  assertEquals(codesOf(await call("POST", "/session", { json: { use_uuid } })), [409, 409]);
});

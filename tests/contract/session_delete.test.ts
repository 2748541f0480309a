import { assertEquals } from "@std/assert/mod.js";
import { codesOf, messageOf } from "./api.ts";
import { contractTest, standInTest } from "./harness.ts";

const NIL = "00000000-0000-0000-0000-000000000000";

contractTest("a deleted session is gone with its messages", async ({ call, session, say }) => {
  const id = await session();
  await say(id, "hi");
  assertEquals(codesOf(await call("GET", `/session/${id}/observing_status`)), [200, 0]);
  assertEquals(codesOf(await call("DELETE", `/session/${id}`)), [200, 0]);
  assertEquals(codesOf(await call("GET", `/session/${id}/observing_status`)), [404, 404]);
  assertEquals(codesOf(await call("GET", `/session/${id}/messages`)), [400, 500]);
});

contractTest("deleting a missing session is a 404, a malformed id a 400", async ({ call }) => {
  const missing = await call("DELETE", `/session/${crypto.randomUUID()}`);
  assertEquals(codesOf(missing), [404, 404]);
  assertEquals(messageOf(missing), "session not found");
  assertEquals(codesOf(await call("DELETE", "/session/x")), [400, 400]);
});

standInTest("deleting another project's session is a 403 and leaves it", async (api) => {
  const id = await api.other.session();
  assertEquals(codesOf(await api.call("DELETE", `/session/${id}`)), [403, 403]);
  assertEquals(api.control.audit().sessions.map((session) => session.id), [id]);
});

standInTest("the nil UUID picks the first session of the whole database", async (api) => {
  const ids = [await api.session(), await api.session()].sort();
  assertEquals(codesOf(await api.call("DELETE", `/session/${NIL}`)), [200, 0]);
  assertEquals(api.control.audit().sessions.map((session) => session.id), ids.slice(1));
});

standInTest("creating with the nil UUID answers the first session", async (api) => {
  const id = await api.session();
  const answer = await api.call("POST", "/session", { json: { use_uuid: NIL } });
  assertEquals(answer.status, 200);
  assertEquals(answer.text.includes(id), true);
});

standInTest("two deletes of one session at once both succeed", async (api) => {
  const id = await api.session();
  const answers = await Promise.all([1, 2].map(() => api.call("DELETE", `/session/${id}`)));
  assertEquals(answers.map(({ status }) => status), [200, 200]);
  assertEquals(api.control.audit().overlappingDeletes, 1);
});

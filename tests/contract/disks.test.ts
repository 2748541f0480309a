import { assertEquals, assertNotEquals } from "@std/assert/mod.js";
import { codesOf, dataOf, messageOf } from "./api.ts";
import { contractTest, standInTest } from "./harness.ts";
import { diskSchema, pageOf } from "./shapes.ts";

contractTest("a disk is made anew each time, with or without a label", async (api) => {
  const labelled = await api.call("POST", "/disk", { json: { user: api.mark } });
  const again = await api.call("POST", "/disk", { json: { user: api.mark } });
  const bare = await api.call("POST", "/disk", { json: {} });
  assertEquals([labelled.status, again.status, bare.status], [201, 201, 201]);
  const [one, two, three] = [labelled, again, bare].map((answer) => dataOf(answer, diskSchema));
  assertNotEquals(one?.id, two?.id);
  assertEquals(one?.user_id, two?.user_id);
  assertNotEquals(one?.user_id, null);
  assertEquals(three?.user_id, null);
});

contractTest("a lost disk is found by its label", async (api) => {
  const id = await api.disk();
  const query = { user: api.mark };
  const page = dataOf(await api.call("GET", "/disk", { query }), pageOf(diskSchema));
  assertEquals(page.items.map((disk) => disk.id), [id]);
});

contractTest("a deleted disk is gone and frees its label", async ({ call, disk, mark }) => {
  const id = await disk();
  assertEquals(codesOf(await call("DELETE", `/disk/${id}`)), [200, 0]);
  assertEquals(codesOf(await call("GET", `/disk/${id}/artifact/ls`)), [403, 403]);
  const page = await call("GET", "/disk", { query: { user: mark } });
  assertEquals(dataOf(page, pageOf(diskSchema)), { items: [], has_more: false });
});

contractTest("deleting a missing disk is a 404, a malformed id a 400", async ({ call }) => {
  const missing = await call("DELETE", `/disk/${crypto.randomUUID()}`);
  assertEquals(codesOf(missing), [404, 404]);
  assertEquals(messageOf(missing), "disk not found or access denied");
  assertEquals(codesOf(await call("DELETE", "/disk/x")), [400, 400]);
});

standInTest("another project's disk is as good as missing", async ({ call, other, control }) => {
  const id = await other.disk();
  assertEquals(codesOf(await call("DELETE", `/disk/${id}`)), [404, 404]);
  assertEquals(codesOf(await call("GET", `/disk/${id}/artifact/ls`)), [403, 403]);
  assertEquals(control.audit().disks.map((disk) => disk.id), [id]);
});

standInTest(
  "the disk list shows disks of agent skills; deleting one deletes the skill",
  async (api) => {
    const { diskId } = api.control.createSkill({ user: api.mark });
    const page = dataOf(await api.call("GET", "/disk"), pageOf(diskSchema));
    assertEquals(page.items.map(({ id }) => id), [diskId]);
    const resources = `/user/${api.mark}/resources`;
    assertEquals((await api.call("GET", resources)).text.includes('"skills_count":1'), true);
    assertEquals(codesOf(await api.call("DELETE", `/disk/${diskId}`)), [200, 0]);
    assertEquals((await api.call("GET", resources)).text.includes('"skills_count":0'), true);
  },
);

standInTest("a session and a disk know nothing of each other", async (api) => {
  const sessionId = await api.session({ user: api.mark });
  const diskId = await api.disk();
  await api.call("DELETE", `/session/${sessionId}`);
  assertEquals(api.control.audit().disks.map(({ id }) => id), [diskId]);
});

import { assertEquals } from "@std/assert/mod.js";
import { z } from "zod";
import { codesOf, dataOf } from "./api.ts";
import { contractTest, standInTest } from "./harness.ts";
import { pageOf, userSchema } from "./shapes.ts";

const resourcesSchema = z.object({
  counts: z.object({ sessions_count: z.int(), disks_count: z.int(), skills_count: z.int() }),
});

contractTest("a user's resources are counted", async ({ call, session, disk, mark }) => {
  await session({ user: mark });
  await disk();
  await disk();
  const answer = dataOf(await call("GET", `/user/${mark}/resources`), resourcesSchema);
  assertEquals(answer.counts, { sessions_count: 1, disks_count: 2, skills_count: 0 });
});

contractTest("deleting a user deletes its sessions and disks", async (api) => {
  const { call, mark } = api;
  const sessionId = await api.session({ user: mark });
  const diskId = await api.disk();
  assertEquals(codesOf(await call("DELETE", `/user/${mark}`)), [200, 0]);
  const status = await call("GET", `/session/${sessionId}/observing_status`);
  assertEquals(codesOf(status), [404, 404]);
  assertEquals(codesOf(await call("GET", `/disk/${diskId}/artifact/ls`)), [403, 403]);
});

contractTest("deleting an unknown user is a 200", async ({ call, mark }) => {
  assertEquals(codesOf(await call("DELETE", `/user/${mark}`)), [200, 0]);
});

contractTest(
  "a user with a colon in its name is found and deleted",
  async ({ call, disk, mark }) => {
    const user = `${mark}:x`;
    await disk(user);
    const path = `/user/${encodeURIComponent(user)}`;
    const { counts } = dataOf(await call("GET", `${path}/resources`), resourcesSchema);
    assertEquals(counts.disks_count, 1);
    assertEquals(codesOf(await call("DELETE", path)), [200, 0]);
  },
);

contractTest("/user/ls takes limits from 0 to 200 and pages", async ({ call, disk, mark }) => {
  await disk(`${mark}-1`);
  await disk(`${mark}-2`);
  for (const limit of [-1, 201, "x"]) {
    assertEquals(codesOf(await call("GET", "/user/ls", { query: { limit } })), [400, 400]);
  }
  const query = { limit: 1, time_desc: true };
  const first = dataOf(await call("GET", "/user/ls", { query }), pageOf(userSchema));
  assertEquals([first.items.length, first.has_more], [1, true]);
  const next = { ...query, cursor: first.next_cursor ?? "" };
  const second = dataOf(await call("GET", "/user/ls", { query: next }), pageOf(userSchema));
  assertEquals(second.items.length, 1);
});

standInTest("/user/ls lists all users by default, and with limit 0", async (api) => {
  for (let n = 0; n < 25; n += 1) await api.disk(`user-${String(n).padStart(2, "0")}`);
  for (const query of [{}, { limit: 0 }]) {
    const page = dataOf(await api.call("GET", "/user/ls", { query }), pageOf(userSchema));
    assertEquals([page.items.length, page.has_more], [25, false]);
    assertEquals(page.items[24]?.identifier, "user-24");
  }
});

standInTest("deleting a user leaves its stored files behind", async (api) => {
  const diskId = await api.disk();
  const form = new FormData();
  form.set("file", new File(["x"], "a.txt"));
  await api.call("POST", `/disk/${diskId}/artifact`, { form });
  await api.call("DELETE", `/user/${api.mark}`);
  const { disks, users, objects } = api.control.audit();
  assertEquals([disks, users, objects], [[], [], 1]);
});

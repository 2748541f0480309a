import { assert, assertEquals } from "@std/assert/mod.js";
import type { FaultRule } from "../../local/acontext/fault_rules.ts";
import { eventually } from "../support/eventually.ts";
import { assertRefused, sessionOf } from "./support/functions.ts";
import { assertNothingLeft, ours } from "./support/remote.ts";
import { integrationTest } from "./support/world.ts";

for (const method of ["DELETE", "POST"] as const) {
  integrationTest(
    `delete-session by ${method} answers 200 when all is proven gone`,
    async (world) => {
      const user = await world.newUser();
      const { id } = await world.created(user);
      const answer = await world.remove(user, id, method);
      assertEquals([answer.status, answer.body], [200, { deleted: true }]);
      assertNothingLeft(await world.remote.audit());
      assertEquals(await world.database.statusOf(id), null);
      assertEquals(await world.database.receipts(), [{
        id,
        reason: "requested",
        user_id: user.id,
        session_proof: "deleted",
        disk_proof: "deleted",
        attempts: 1,
      }]);
      assertRefused(await world.remove(user, id, method), 404, "session_not_found");
    },
  );
}

const FAILING: { name: string; rules: FaultRule[] }[] = [
  {
    name: "the session cannot be deleted",
    rules: [{ route: "DELETE /session/:id", fault: { kind: "status", status: 500 } }],
  },
  {
    name: "the disk cannot be deleted",
    rules: [{ route: "DELETE /disk/:id", fault: { kind: "status", status: 500 } }],
  },
  { name: "its database is down", rules: [{ route: "*", fault: { kind: "outage" } }] },
  {
    name: "it throttles",
    rules: [{ route: "*", fault: { kind: "throttle", retryAfterSeconds: 1 } }],
  },
  {
    name: "a 404 of it is not true",
    rules: [
      { route: "DELETE /session/:id", fault: { kind: "false404" } },
      { route: "DELETE /disk/:id", fault: { kind: "false404" } },
    ],
  },
  {
    name: "it does not answer in time",
    rules: [{ route: "DELETE /session/:id", fault: { kind: "stall" } }],
  },
  {
    name: "it refuses our key",
    rules: [{ route: "*", fault: { kind: "status", status: 401 } }],
  },
];

for (const { name, rules } of FAILING) {
  integrationTest(
    `delete-session answers 202 and the sweep finishes when ${name}`,
    async (world) => {
      const user = await world.newUser();
      const { id } = await world.created(user);
      const answer = await world.remote.withFaults(rules, () => world.remove(user, id));
      assertEquals([answer.status, answer.body], [202, { deleted: false, status: "deleting" }]);
      assertEquals(await world.database.statusOf(id), "deleting");
      const { data } = await user.client.from("session_mappings").select().throwOnError();
      assertEquals(data, [], "hidden at once");
      assertEquals(await world.database.receipts(), []);

      await world.database.makeDue();
      const report = await world.swept();
      assertEquals([report.deleted, report.stopReason], [1, "empty"]);
      assertNothingLeft(await world.remote.audit());
      assertEquals(await world.database.statusOf(id), null);
      assertEquals((await world.database.receipts()).map((receipt) => receipt.id), [id]);
    },
  );
}

integrationTest("a false 404 is not believed while the resource is listed", async (world) => {
  const user = await world.newUser();
  const { id } = await world.created(user);
  await world.remote.withFaults([
    { route: "DELETE /session/:id", fault: { kind: "false404" } },
    { route: "DELETE /disk/:id", fault: { kind: "false404" } },
  ], async () => {
    await world.remove(user, id);
    await world.database.makeDue();
    assertEquals((await world.swept()).failed, 1);
  });
  const [entry] = await world.database.queue();
  assertEquals([entry?.session_gone, entry?.disk_gone], [false, false]);
  assertEquals(entry?.last_error, "session: still_listed; disk: still_listed");
  assertEquals(ours(await world.remote.audit()).sessions, [id]);
});

integrationTest("a 404 is believed when the list proves it", async (world) => {
  const user = await world.newUser();
  const { id, acontextDiskId } = await world.created(user);
  await world.remote.remove(`/session/${id}`);
  await world.remote.remove(`/disk/${acontextDiskId}`);
  assertEquals((await world.remove(user, id)).body, { deleted: true });
  const [receipt] = await world.database.receipts();
  assertEquals([receipt?.session_proof, receipt?.disk_proof], ["absent", "absent"]);
});

integrationTest("deleting again what is being deleted answers 202", async (world) => {
  const user = await world.newUser();
  const { id } = await world.created(user);
  await world.remote.withFaults(
    [{ route: "*", fault: { kind: "outage" } }],
    () => world.remove(user, id),
  );
  const calls = await world.remote.callsOf(async () => {
    assertEquals((await world.remove(user, id)).status, 202);
  });
  assertEquals(calls, {}, "the first attempt may still be under way");
});

integrationTest("deleting at once four times deletes each resource once", async (world) => {
  const user = await world.newUser();
  const { id } = await world.created(user);
  const calls = await world.remote.callsOf(async () => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => world.remove(user, id)));
    for (const { status } of answers) assert([200, 202, 404].includes(status), `${status}`);
  });
  assertEquals(calls, {
    "DELETE /disk/:id": 1,
    "DELETE /session/:id": 1,
    "GET /disk/:id/artifact/ls": 1,
  });
  assertNothingLeft(await world.remote.audit());
  // The proof may have been left out because another call held the row at that moment.
  await world.database.endLeases();
  await world.swept();
  assertEquals(await world.database.rowCount(), 0);
});

integrationTest(
  "a session that is deleted while it is being made leaves nothing",
  async (world) => {
    const user = await world.newUser();
    const id = crypto.randomUUID();
    const slow: FaultRule = { route: "POST /disk", fault: { kind: "delay", ms: 400 } };
    await world.remote.withFaults([slow], async () => {
      const making = world.create(user, { id });
      await eventually("the row is there", () => world.database.statusOf(id));
      assertEquals((await world.remove(user, id)).status, 202);
      assertRefused(await making, 409, "session_deleting");
    });
    await world.database.makeDue();
    await world.swept();
    assertNothingLeft(await world.remote.audit());
    assertEquals(await world.database.rowCount(), 0);
  },
);

integrationTest("a deleted session comes back within the grace period", async (world) => {
  const user = await world.newUser();
  await world.database.configure({ deletion_grace: "1 hour" });
  const session = await world.created(user, { title: "keep me" });
  assertEquals((await world.remove(user, session.id)).status, 202);
  assertEquals((await user.client.from("session_mappings").select()).data, []);

  const restored = await world.restore(user, session.id);
  assertEquals(restored.status, 200);
  assertEquals(sessionOf(restored).acontextDiskId, session.acontextDiskId);
  assertEquals(sessionOf(restored).title, "keep me");
  assertEquals(await world.database.queue(), []);
  assertEquals((await world.swept()).total, 0);
  assertEquals(ours(await world.remote.audit()).sessions, [session.id]);
});

integrationTest("the quota counts sessions that are restored", async (world) => {
  const user = await world.newUser();
  await world.database.configure({ deletion_grace: "1 hour", max_sessions_per_user: 2 });
  const [{ id }] = [await world.created(user), await world.created(user)];
  await world.remove(user, id);
  await world.created(user);
  assertRefused(await world.restore(user, id), 409, "quota_exceeded");
});

integrationTest(
  "the sweep takes a deleted session when its grace period is over",
  async (world) => {
    const user = await world.newUser();
    await world.database.configure({ deletion_grace: "1 hour" });
    const { id } = await world.created(user);
    await world.remove(user, id);
    assertEquals((await world.swept()).total, 0);
    await world.database.makeDue();
    assertEquals((await world.swept()).deleted, 1);
    assertRefused(await world.restore(user, id), 404, "session_not_found");
    assertNothingLeft(await world.remote.audit());
  },
);

integrationTest("a session whose deletion has begun cannot be restored", async (world) => {
  const user = await world.newUser();
  const { id } = await world.created(user);
  await world.remote.withFaults(
    [{ route: "DELETE /disk/:id", fault: { kind: "status", status: 500 } }],
    () => world.remove(user, id),
  );
  assertRefused(await world.restore(user, id), 409, "not_restorable");
  assertEquals(await world.database.statusOf(id), "deleting");
});

integrationTest(
  "restore refuses what is not being deleted and what is not there",
  async (world) => {
    const user = await world.newUser();
    const { id } = await world.created(user);
    assertRefused(await world.restore(user, id), 409, "not_restorable");
    assertRefused(await world.restore(user, crypto.randomUUID()), 404, "session_not_found");
  },
);

import { assert, assertEquals } from "@std/assert/mod.js";
import type { FaultRule } from "../../local/acontext/fault_rules.ts";
import { converse } from "./support/conversations.ts";
import { assertNothingLeft, ours } from "./support/remote.ts";
import { expiredSessions } from "./support/sessions.ts";
import { integrationTest } from "./support/world.ts";

/** What fails for one resource only. */
const failing = (route: string, remoteId: string): FaultRule => ({
  route,
  match: remoteId,
  fault: { kind: "status", status: 500 },
});

integrationTest("one session that cannot be deleted does not hold up the others", async (world) => {
  const sessions = await expiredSessions(world, 6);
  const bad = sessions[2]?.id ?? "";
  await world.remote.withFaults([failing("DELETE /session/:id", bad)], async () => {
    const report = await world.swept();
    assertEquals([report.total, report.deleted, report.failed], [6, 5, 1]);
    assertEquals(report.errors, [{ id: bad, error: "session: http_500" }]);
    const [entry, ...more] = await world.database.queue();
    assertEquals([entry?.id, entry?.attempts, more.length], [bad, 1, 0]);
    assert(entry && entry.due_in > 25 && entry.due_in < 46, `${entry?.due_in}`);
    assertEquals((await world.swept()).total, 0, "it backs off");

    await world.database.makeDue();
    assertEquals((await world.swept()).failed, 1);
    const [later] = await world.database.queue();
    assert(later && later.attempts === 2 && later.due_in > 55, "and backs off longer");
  });
  await world.database.makeDue();
  assertEquals((await world.swept()).deleted, 1);
  assertNothingLeft(await world.remote.audit());
  const receipt = (await world.database.receipts()).find(({ id }) => id === bad);
  assertEquals(receipt?.attempts, 3);
});

integrationTest(
  "a disk that breaks off while it is deleted takes nobody's files with it",
  async (world) => {
    const { session, chat } = await converse(world);
    const { chat: neighbour } = await converse(world);
    for (const filename of ["a", "b", "c"]) {
      for (const each of [chat, neighbour]) await each.uploaded(`shared ${filename}`, { filename });
    }
    await world.database.expire([session.id]);
    const dies = (route: string): FaultRule => ({
      route,
      times: 1,
      fault: { kind: "die", afterSteps: 1 },
    });
    const rules = [dies("DELETE /disk/:id"), dies("DELETE /disk/:id/artifact")];
    await world.remote.withFaults(rules, async () => {
      while ((await world.database.queue()).length > 0 || (await world.swept()).total > 0) {
        await world.database.makeDue();
        await world.swept();
      }
    });
    for (const filename of ["a", "b", "c"]) {
      const response = await neighbour.download({ filename });
      assertEquals([response.status, await response.text()], [200, `shared ${filename}`]);
    }
  },
);

integrationTest("a half-deleted session is resumed, not restarted", async (world) => {
  const [one, two] = await expiredSessions(world, 2);
  const rules = [
    failing("DELETE /disk/:id", one?.acontextDiskId ?? ""),
    failing("DELETE /session/:id", two?.id ?? ""),
  ];
  await world.remote.withFaults(rules, async () => {
    assertEquals((await world.swept()).failed, 2);
  });
  const queue = await world.database.queue();
  const halves = new Map(queue.map((entry) => [entry.id, [entry.session_gone, entry.disk_gone]]));
  assertEquals(halves.get(one?.id ?? ""), [true, false]);
  assertEquals(halves.get(two?.id ?? ""), [false, true]);

  await world.database.makeDue();
  const calls = await world.remote.callsOf(async () => {
    assertEquals((await world.swept()).deleted, 2);
  });
  // Each is looked for before its delete is repeated. One list more feels how fast Acontext answers, one tells whether
  // disks are listed by label.
  assertEquals(calls, {
    "DELETE /disk/:id": 1,
    "DELETE /session/:id": 1,
    "GET /disk/:id/artifact/ls": 1,
    "GET /disk": 2,
    "GET /session": 2,
  });
  assertNothingLeft(await world.remote.audit());
});

integrationTest("a lost answer to a delete is settled by the list", async (world) => {
  const sessions = await expiredSessions(world, 3);
  const lost: FaultRule[] = ["DELETE /disk/:id", "DELETE /session/:id"].map((route) => ({
    route,
    times: 1,
    fault: { kind: "drop", when: "after" },
  }));
  await world.remote.withFaults(lost, () => world.swept());
  await world.database.makeDue();
  await world.swept();
  assertNothingLeft(await world.remote.audit());
  const proofs = (await world.database.receipts())
    .flatMap((receipt) => [receipt.session_proof, receipt.disk_proof]);
  assertEquals(proofs.length, sessions.length * 2);
  assertEquals(proofs.filter((proof) => proof === "absent").length, 2);
});

integrationTest("a sweep waits as long as Acontext asks and counts no attempt", async (world) => {
  await expiredSessions(world, 5);
  const start = performance.now();
  await world.remote.withFaults(
    [{ route: "*", times: 3, fault: { kind: "throttle", retryAfterSeconds: 1 } }],
    async () => {
      const report = await world.swept();
      assertEquals([report.deleted, report.failed, report.stopReason], [5, 0, "empty"]);
    },
  );
  assert(performance.now() - start >= 1_000);
  const receipts = await world.database.receipts();
  assertEquals(receipts.map(({ attempts }) => attempts), [1, 1, 1, 1, 1]);
  assertNothingLeft(await world.remote.audit());
});

integrationTest("a sweep that has to wait too long gives back what it holds", async (world) => {
  await expiredSessions(world, 4);
  await world.remote.withFaults(
    [{ route: "*", fault: { kind: "throttle", retryAfterSeconds: 60 } }],
    async () => {
      const report = await world.swept();
      assertEquals([report.deleted, report.deferred, report.stopReason], [0, 4, "throttled"]);
      assertEquals(report.remaining, 4);
    },
  );
  for (const entry of await world.database.queue()) {
    assertEquals([entry.attempts, entry.leased], [0, false]);
    assert(entry.due_in <= 0);
  }
  assertEquals((await world.swept()).deleted, 4);
});

const OUTAGES: { name: string; rules: FaultRule[] }[] = [
  { name: "its database is down", rules: [{ route: "*", fault: { kind: "outage" } }] },
  {
    name: "its gateway answers for it",
    rules: [{ route: "*", fault: { kind: "status", status: 503, body: "no server" } }],
  },
  {
    name: "it drops every connection",
    rules: [{ route: "*", fault: { kind: "drop", when: "before" } }],
  },
  { name: "it refuses our key", rules: [{ route: "*", fault: { kind: "status", status: 401 } }] },
];

for (const { name, rules } of OUTAGES) {
  integrationTest(
    `a sweep stops and counts no attempt when Acontext is out: ${name}`,
    async (world) => {
      const sessions = await expiredSessions(world, 24);
      await world.remote.withFaults(rules, async () => {
        const report = await world.swept();
        assertEquals([report.deleted, report.failed, report.stopReason], [0, 0, "outage"]);
        assertEquals(report.errors, []);
      });
      const queue = await world.database.queue();
      assertEquals(queue.length, sessions.length);
      for (const entry of queue) assertEquals([entry.attempts, entry.leased], [0, false]);
      assertEquals(ours(await world.remote.audit()).sessions.length, sessions.length);

      await world.database.makeDue();
      assertEquals((await world.swept()).deleted, sessions.length);
      assertNothingLeft(await world.remote.audit());
    },
  );
}

integrationTest(
  "a body that never ends costs one session its attempt and no more",
  async (world) => {
    const sessions = await expiredSessions(world, 4);
    const stuck = sessions[1]?.acontextDiskId ?? "";
    await world.remote.withFaults(
      [{ route: "DELETE /disk/:id", match: stuck, fault: { kind: "stall" } }],
      async () => {
        const report = await world.swept();
        assertEquals([report.deleted, report.failed], [3, 1]);
        assertEquals(report.errors[0]?.error, "disk: timeout");
      },
    );
    await world.database.makeDue();
    assertEquals((await world.swept()).deleted, 1);
    assertNothingLeft(await world.remote.audit());
  },
);

integrationTest("a worker that died is overtaken when its lease ends", async (world) => {
  const [session] = await expiredSessions(world, 1);
  const { sql } = world.database;
  const runId = crypto.randomUUID();
  await sql`select public.acontext_start_sweep(${runId}, false)`;
  await sql`select public.acontext_queue_due_sessions(${runId}, 10)`;
  await sql`select public.acontext_claim_deletions(${crypto.randomUUID()}, 10, 60)`;
  assertEquals((await world.swept()).total, 0, "leased to somebody");
  assertEquals(await world.database.statusOf(session?.id ?? ""), "deleting");
  await world.database.endLeases();
  assertEquals((await world.swept()).deleted, 1);
  assertNothingLeft(await world.remote.audit());
});

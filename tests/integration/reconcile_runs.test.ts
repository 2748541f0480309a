import { assert, assertEquals } from "@std/assert/mod.js";
import { eventually } from "../support/eventually.ts";
import { assertNothingLeft, NAMESPACE, ours } from "./support/remote.ts";
import { orphanSession } from "./support/sessions.ts";
import { integrationTest, type World } from "./support/world.ts";

const HOUR = 60 * 60;

function orphanDisk({ remote }: World, namespace = NAMESPACE): Promise<string> {
  return remote.makeDisk({ user: `${namespace}:${crypto.randomUUID()}` });
}

async function queuedRemoteIds({ database: { sql } }: World): Promise<string[]> {
  const rows = await sql<{ id: string }[]>`
    select coalesce(acontext_session_id, acontext_disk_id) as id
    from acontext_sessions.deletion_queue where reason = 'orphan' order by 1`;
  return rows.map(({ id }) => id);
}

integrationTest("what nobody knows is queued once it is old enough, and swept", async (world) => {
  await world.database.configure({ orphan_grace: "10 minutes" });
  const old = [await orphanSession(world), await orphanDisk(world)];
  await world.remote.control.age(11 * 60);
  const young = [await orphanSession(world), await orphanDisk(world)];

  const report = await world.reconciled();
  assertEquals([report.unknown, report.queued, report.stopReason], [2, 2, "complete"]);
  assertEquals(report.found.map(({ kind, id }) => [kind, id]), [
    ["session", old[0]],
    ["disk", old[1]],
  ]);
  assertEquals(await queuedRemoteIds(world), old.toSorted());
  assertEquals((await world.sweptWhenDue()).deleted, 2);
  const left = ours(await world.remote.audit());
  assertEquals([...left.sessions, ...left.disks], young);

  await world.remote.control.age(11 * 60);
  assertEquals((await world.reconciled()).queued, 2);
  assertEquals((await world.sweptWhenDue()).deleted, 2);
  assertNothingLeft(await world.remote.audit());
  const receipts = await world.database.receipts();
  assertEquals(receipts.map(({ reason }) => reason), Array(4).fill("orphan"));
});

integrationTest("live sessions, skills and other deployments are left alone", async (world) => {
  const user = await world.newUser();
  await world.createdMany(user, 12);
  const waiting = await world.created(user);
  await world.database.configure({ deletion_grace: "1 hour" });
  await world.remove(user, waiting.id);
  const half = crypto.randomUUID();
  const down = { route: "POST /disk", fault: { kind: "status", status: 500 } } as const;
  await world.remote.withFaults([down], () => world.create(user, { id: half }));
  await orphanSession(world, "other");
  await orphanDisk(world, "other");
  await orphanDisk(world, `${NAMESPACE}2`);
  await world.remote.makeSession({});
  await world.remote.makeDisk({});
  await world.remote.makeSkill();
  await world.remote.control.createSkill({ user: "somebody" });
  await world.remote.control.age(48 * HOUR);
  const before = await world.remote.audit();

  const calls = await world.remote.callsOf(async () => {
    const report = await world.reconciled();
    assertEquals([report.unknown, report.queued, report.stopReason], [0, 0, "complete"]);
  });
  // Not one disk is listed: every label of ours belongs to a session.
  assertEquals(Object.keys(calls).sort(), ["GET /session", "GET /user/ls"]);
  const { sessions, disks, users } = await world.remote.audit();
  assertEquals([sessions, disks, users], [before.sessions, before.disks, before.users]);
  assertEquals(await queuedRemoteIds(world), []);
});

integrationTest(
  "a mass of unknown resources is queued only when somebody insists",
  async (world) => {
    for (let made = 0; made < 125; made++) {
      await Promise.all([orphanSession(world), orphanDisk(world)]);
    }
    await world.remote.control.age(2 * HOUR);
    const preview = await world.reconciled({ dryRun: true });
    assertEquals([preview.unknown, preview.stopReason], [250, "too_many_unknown"]);
    assertEquals([preview.found.length, preview.queued], [100, 0]);
    assertEquals(await world.database.runs(), [], "a dry run leaves no trace");

    for (let time = 0; time < 2; time++) {
      const report = await world.reconciled();
      assertEquals([report.unknown, report.queued, report.stopReason], [
        250,
        0,
        "too_many_unknown",
      ]);
    }
    assertEquals(await queuedRemoteIds(world), []);
    assertEquals((await world.sweptWhenDue()).total, 0);

    const forced = await world.reconciled({ force: true });
    assertEquals([forced.queued, forced.stopReason], [250, "complete"]);
    assertEquals((await world.sweptWhenDue()).deleted, 250);
    assertNothingLeft(await world.remote.audit());
  },
);

integrationTest("a dry run lists what would be queued and changes nothing", async (world) => {
  const [session, disk] = [await orphanSession(world), await orphanDisk(world)];
  await world.remote.control.age(2 * HOUR);
  const report = await world.reconciled({ dryRun: true });
  assertEquals([report.unknown, report.queued, report.stopReason], [2, 0, "complete"]);
  assertEquals(report.found.map(({ id }) => id), [session, disk]);
  assertEquals(await queuedRemoteIds(world), []);
  assertEquals(await world.database.runs(), []);
  assertEquals((await world.reconciled()).queued, 2);
});

integrationTest("the schedule's dispatch walks in the background and records it", async (world) => {
  const { sql } = world.database;
  const orphan = await orphanDisk(world);
  await world.remote.control.age(2 * HOUR);
  const [row] = await sql`select acontext_sessions.dispatch_reconcile('schedule') as called`;
  assertEquals(row?.["called"], true);
  const run = await eventually("the run has finished", async () => {
    return (await world.database.runs()).find(({ status }) => status === "finished");
  });
  assertEquals([run.task, run.trigger, run.stop_reason], ["reconcile", "schedule", "complete"]);
  assertEquals(run.total, 1);
  assertEquals(await queuedRemoteIds(world), [orphan]);
  const [state] = await sql`
    select run_id, phase, page_cursor, pass_unknown, pass_finished_at >= pass_started_at as passed
    from acontext_sessions.reconcile_state`;
  assertEquals(state, {
    run_id: null,
    phase: "sessions",
    page_cursor: null,
    pass_unknown: 1,
    passed: true,
  });
});

integrationTest("a disabled cleanup dispatches no reconcile", async (world) => {
  await world.database.configure({ cleanup_enabled: false });
  const [row] = await world.database
    .sql`select acontext_sessions.dispatch_reconcile('schedule') as called`;
  assertEquals(row?.["called"], false);
  assertEquals(await world.database.runs(), []);
});

integrationTest(
  "the labels of dead sessions are removed, those of live ones stay",
  async (world) => {
    const user = await world.newUser();
    const [dead, alive] = [await world.created(user), await world.created(user)];
    const [deadLabel, aliveLabel] = [dead, alive].map(({ id }) => `${NAMESPACE}:${id}`);
    assertEquals((await world.remove(user, dead.id)).status, 200);
    const users = async () => (await world.remote.audit()).users.toSorted();
    assertEquals(await users(), [deadLabel, aliveLabel].sort());
    assertEquals((await world.reconciled({ dryRun: true })).labelsRemoved, 0);
    assertEquals(
      (await world.reconciled()).labelsRemoved,
      1,
      "its receipt is enough, however young",
    );
    assertEquals(await users(), [aliveLabel]);
    await world.remote.control.age(2 * HOUR);
    assertEquals((await world.reconciled()).labelsRemoved, 0);
    assertEquals(await users(), [aliveLabel]);
  },
);

integrationTest("an outage of Acontext queues nothing wrongly and loses nothing", async (world) => {
  const user = await world.newUser();
  await world.createdMany(user, 3);
  const orphans = [await orphanSession(world), await orphanDisk(world)];
  await world.remote.control.age(2 * HOUR);
  // In the order of the walk, which goes on where it stopped.
  const routes = ["GET /session", "GET /user/ls", "GET /user/:identifier/resources", "GET /disk"];
  for (const route of routes) {
    const outage = { route, fault: { kind: "outage" } } as const;
    const report = await world.remote.withFaults([outage], () => world.reconciled());
    assertEquals([report.stopReason, report.errors[0]?.error], ["outage", "http_500"], route);
    assert((await queuedRemoteIds(world)).every((id) => orphans.includes(id)));
  }
  assertEquals((await world.reconciled()).stopReason, "complete");
  assertEquals(await queuedRemoteIds(world), orphans.toSorted());
});

integrationTest(
  "a saved place that the server no longer understands is given up",
  async (world) => {
    const { sql } = world.database;
    const orphan = await orphanSession(world);
    await world.remote.control.age(2 * HOUR);
    for (const phase of ["sessions", "labels"]) {
      await sql`
      update acontext_sessions.reconcile_state set phase = ${phase}, page_cursor = 'rubbish' where only_row`;
      assertEquals((await world.reconciled()).stopReason, "complete", phase);
    }
    assertEquals(await queuedRemoteIds(world), [orphan]);
  },
);

integrationTest("a disabled cleanup does not reconcile either, by hand or not", async (world) => {
  const orphan = await orphanSession(world);
  await world.remote.control.age(2 * HOUR);
  await world.database.configure({ cleanup_enabled: false });
  assertEquals((await world.reconciled()).stopReason, "disabled");
  assertEquals(await queuedRemoteIds(world), []);
  await world.database.configure({ cleanup_enabled: true });
  assertEquals((await world.reconciled()).stopReason, "complete");
  assertEquals(await queuedRemoteIds(world), [orphan]);
});

integrationTest("one walk at a time, and each run once", async (world) => {
  const orphans = [await orphanSession(world), await orphanSession(world)];
  await world.remote.control.age(2 * HOUR);
  const slow = { route: "GET /session", fault: { kind: "delay", ms: 400 } } as const;
  await world.remote.withFaults([slow], async () => {
    const reports = await Promise.all([1, 2, 3].map(() => world.reconciled()));
    const stops = reports.map(({ stopReason }) => stopReason).sort();
    assertEquals(stops, ["busy", "busy", "complete"]);
    assertEquals(reports.reduce((sum, { queued }) => sum + queued, 0), 2);
  });
  const runId = crypto.randomUUID();
  assertEquals((await world.reconciled({ runId })).stopReason, "complete");
  assertEquals((await world.reconciled({ runId })).stopReason, "duplicate");
  assertEquals(await queuedRemoteIds(world), orphans.toSorted());
});

for (const version of ["no-uuid", "no-labels", "oldest"] as const) {
  integrationTest(
    `reconcile on a "${version}" server finds what it can, harms nobody`,
    async (world) => {
      await world.remote.control.setVersion(version);
      await world.createdMany(await world.newUser(), 3);
      const orphan = await orphanSession(world);
      await orphanSession(world, "other");
      await world.remote.makeSession({});
      await world.remote.makeDisk({});
      await world.remote.makeSkill();
      await world.remote.control.age(2 * HOUR);
      const before = await world.remote.audit();
      const report = await world.reconciled();
      assertEquals([report.queued, report.stopReason], [1, "complete"]);
      assertEquals((await world.sweptWhenDue()).deleted, 1);
      const after = await world.remote.audit();
      assertEquals(after.disks, before.disks);
      assertEquals(after.sessions, before.sessions.filter(({ id }) => id !== orphan));
    },
  );
}

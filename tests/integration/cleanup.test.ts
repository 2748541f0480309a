import { assert, assertEquals, assertNotEquals } from "@std/assert/mod.js";
import { eventually } from "../support/eventually.ts";
import { assertNothingLeft, ours } from "./support/remote.ts";
import { expiredSessions } from "./support/sessions.ts";
import { integrationTest } from "./support/world.ts";

integrationTest("a sweep deletes what has expired and nothing else", async (world) => {
  const user = await world.newUser();
  const old = await world.created(user);
  const oldAndPinned = await world.created(user, { pinned: true });
  const oldWithLongTtl = await world.created(user, { ttl: 40 * 86_400 });
  const fresh = await world.created(user);
  const freshWithShortTtl = await world.created(user, { ttl: 60 });
  await world.database.expire([old.id, oldAndPinned.id, oldWithLongTtl.id]);
  await world.database.sql`
    update public.session_mappings
    set last_activity_at = acontext_sessions.clock() - interval '61 seconds'
    where id = ${freshWithShortTtl.id}`;

  const report = await world.swept();
  assertEquals(report, {
    runId: report.runId,
    total: 2,
    deleted: 2,
    failed: 0,
    deferred: 0,
    remaining: 0,
    errors: [],
    stopReason: "empty",
  });
  const kept = [oldAndPinned, oldWithLongTtl, fresh];
  assertEquals(ours(await world.remote.audit()), {
    sessions: kept.map(({ id }) => id).sort(),
    disks: kept.map(({ acontextDiskId }) => acontextDiskId).sort(),
  });
  const { data } = await user.client.from("session_mappings").select("id").order("id")
    .throwOnError();
  assertEquals(data.map(({ id }) => id), kept.map(({ id }) => id).sort());
  const receipts = await world.database.receipts();
  assertEquals(receipts.map(({ reason }) => reason), ["expired", "expired"]);
  const [run] = await world.database.runs();
  assertEquals([run?.id, run?.status, run?.deleted, run?.expired], [
    report.runId,
    "finished",
    2,
    2,
  ]);
});

integrationTest("a sweep with nothing due asks nothing of Acontext", async (world) => {
  await world.created(await world.newUser());
  const calls = await world.remote.callsOf(async () => {
    const { total, stopReason } = await world.swept();
    assertEquals([total, stopReason], [0, "empty"]);
  });
  assertEquals(calls, {});
});

integrationTest("a half-made session goes with whatever was made for it", async (world) => {
  const user = await world.newUser();
  const [noSession, noDisk, fresh] = [1, 2, 3].map(() => crypto.randomUUID());
  const failing = async (route: string, id: string | undefined) => {
    const rule = { route, fault: { kind: "status", status: 503 } } as const;
    const { status } = await world.remote.withFaults([rule], () => world.create(user, { id }));
    assertEquals(status, 503);
  };
  await failing("POST /session", noSession);
  await failing("POST /disk", noDisk);
  await failing("POST /disk", fresh);
  await world.database.abandon([noSession ?? "", noDisk ?? ""]);

  assertEquals((await world.swept()).deleted, 2);
  assertEquals(ours(await world.remote.audit()), { sessions: [fresh], disks: [] });
  assertEquals((await world.database.receipts()).map(({ reason }) => reason), ["stale", "stale"]);
  assertEquals(await world.database.statusOf(fresh ?? ""), "provisioning");
});

integrationTest("a session that is being made again is not stale", async (world) => {
  const user = await world.newUser();
  const id = crypto.randomUUID();
  const fails = { route: "POST /disk", fault: { kind: "status", status: 503 } } as const;
  await world.remote.withFaults([fails], () => world.create(user, { id }));
  await world.database.abandon([id]);
  const slow = { route: "POST /disk", fault: { kind: "delay", ms: 500 } } as const;
  await world.remote.withFaults([slow], async () => {
    const making = world.create(user, { id });
    await eventually("somebody makes it", async () => {
      const rows = await world.database.sql`select 1 from acontext_sessions.provisioning_leases`;
      return rows.length > 0;
    });
    assertEquals((await world.swept()).total, 0);
    assertEquals((await making).status, 201);
  });
});

integrationTest("a dry run counts and changes nothing", async (world) => {
  const user = await world.newUser();
  const [expired, half] = [await world.created(user), crypto.randomUUID()];
  await world.created(user);
  await world.database.expire([expired.id]);
  const down = { route: "POST /disk", fault: { kind: "status", status: 503 } } as const;
  await world.remote.withFaults([down], () => world.create(user, { id: half }));
  await world.database.abandon([half]);

  const calls = await world.remote.callsOf(async () => {
    const report = await world.swept({ dryRun: true });
    assertEquals([report.total, report.remaining, report.deleted], [2, 2, 0]);
    assertEquals(report.stopReason, "dry_run");
  });
  assertEquals(calls, {});
  assertEquals(await world.database.runs(), []);
  assertEquals(await world.database.queue(), []);
  assertEquals(await world.database.statusOf(expired.id), "active");
  assertEquals(await world.database.statusOf(half), "provisioning");
});

integrationTest("a limit bounds a sweep and says what remains", async (world) => {
  await expiredSessions(world, 5);
  const first = await world.swept({ limit: 2 });
  assertEquals([first.total, first.deleted, first.remaining, first.stopReason], [2, 2, 3, "limit"]);
  const second = await world.swept({ limit: 3 });
  assertEquals([second.deleted, second.remaining], [3, 0]);
  assertNothingLeft(await world.remote.audit());
});

integrationTest("the expiry limit stops a mass expiry until somebody insists", async (world) => {
  const user = await world.newUser();
  await world.database.configure({ max_expiry_minimum: 3, max_expiry_fraction: 0.5 });
  const sessions = await world.createdMany(user, 6);
  const [requested, ...others] = sessions.map(({ id }) => id);
  await world.database.expire(others.slice(0, 4));
  await world.remote.withFaults(
    [{ route: "*", fault: { kind: "outage" } }],
    () => world.remove(user, requested ?? ""),
  );
  await world.database.makeDue();

  const preview = await world.swept({ dryRun: true });
  assertEquals([preview.total, preview.stopReason], [1, "too_many_expiring"]);
  const held = await world.swept();
  assertEquals(
    [held.deleted, held.stopReason],
    [1, "too_many_expiring"],
    "what was asked for goes on",
  );
  assertEquals(ours(await world.remote.audit()).sessions, others.sort());

  const forced = await world.swept({ force: true });
  assertEquals([forced.deleted, forced.stopReason], [4, "empty"]);
  assertEquals(await world.database.rowCount(), 1);
});

integrationTest("a disabled cleanup does nothing and says so", async (world) => {
  const user = await world.newUser();
  const { id } = await world.created(user);
  await world.database.expire([id]);
  await world.database.configure({ cleanup_enabled: false });
  const report = await world.swept({ force: true });
  assertEquals([report.total, report.stopReason], [0, "disabled"]);
  assertEquals((await world.database.runs()).map((run) => run.stop_reason), ["disabled"]);
  assertEquals(await world.database.statusOf(id), "active");
});

integrationTest("a run that is delivered twice runs once", async (world) => {
  const user = await world.newUser();
  const [one, two] = [await world.created(user), await world.created(user)];
  const runId = crypto.randomUUID();
  await world.database.expire([one.id]);
  assertEquals((await world.swept({ runId })).deleted, 1);
  await world.database.expire([two.id]);
  const again = await world.swept({ runId });
  assertEquals([again.total, again.stopReason], [0, "duplicate"]);
  assertEquals(await world.database.statusOf(two.id), "active");
  const [run, ...more] = await world.database.runs();
  assertEquals([run?.deleted, more.length], [1, 0]);
});

integrationTest("a background sweep answers at once and reports in its run", async (world) => {
  const user = await world.newUser();
  const { id } = await world.created(user);
  await world.database.expire([id]);
  const runId = crypto.randomUUID();
  const slow = { route: "DELETE /disk/:id", fault: { kind: "delay", ms: 800 } } as const;
  await world.remote.withFaults([slow], async () => {
    const answer = await world.cleanup({ background: true, runId });
    assertEquals([answer.status, answer.body], [202, { runId, status: "accepted" }]);
    assertNotEquals(await world.database.statusOf(id), null, "the work goes on");
    const run = await eventually("the run has finished", async () => {
      return (await world.database.runs()).find(({ status }) => status === "finished");
    });
    assertEquals([run.id, run.deleted, run.stop_reason], [runId, 1, "empty"]);
  });
  assertNothingLeft(await world.remote.audit());
});

integrationTest("erasing a user queues all sessions and the sweep removes them", async (world) => {
  const [user, other] = [await world.newUser(), await world.newUser()];
  await world.database.configure({ deletion_grace: "1 hour" });
  const sessions = await world.createdMany(user, 3);
  await world.created(user, { pinned: true });
  const requested = sessions[0];
  await world.remove(user, requested?.id ?? "");
  const theirs = await world.created(other);

  const { error } = await world.admin().auth.admin.deleteUser(user.id);
  assertEquals(error, null);
  const queued = await world.database.queue();
  assertEquals(queued.map(({ reason }) => reason), Array(4).fill("user_deleted"));

  assertEquals((await world.swept()).deleted, 4, "no grace period: nobody is left to restore");
  assertEquals(ours(await world.remote.audit()).sessions, [theirs.id]);
  const receipts = await world.database.receipts();
  assert(receipts.every((receipt) => receipt.user_id === user.id));
});

integrationTest("deleting rows by SQL queues their resources and loses nothing", async (world) => {
  const user = await world.newUser();
  await world.createdMany(user, 3);
  const { sql } = world.database;
  await sql`delete from public.session_mappings where user_id = ${user.id}`;
  assertEquals(await world.database.rowCount(), 3, "a row leaves when Acontext has confirmed");
  assertEquals((await user.client.from("session_mappings").select()).data, []);
  assertEquals((await world.database.queue()).length, 3);
  assertEquals((await world.swept()).deleted, 3);
  assertNothingLeft(await world.remote.audit());
  assertEquals(await world.database.rowCount(), 0);
});

integrationTest("truncate and edits of the queue are refused", async (world) => {
  const user = await world.newUser();
  const { id } = await world.created(user);
  await world.database.configure({ deletion_grace: "1 hour" });
  await world.remove(user, id);
  const { sql } = world.database;
  const attempts = [
    sql`truncate public.session_mappings cascade`,
    sql`truncate acontext_sessions.deletion_queue`,
    sql`delete from acontext_sessions.deletion_queue where id = ${id}`,
    sql`update acontext_sessions.deletion_queue set acontext_disk_id = null where id = ${id}`,
    sql`update public.session_mappings set status = 'provisioning' where id = ${id}`,
  ];
  for (const attempt of attempts) {
    assertEquals(await attempt.then(() => "none", (error) => error.code), "23514");
  }
  assertEquals((await world.database.queue()).length, 1);
});

integrationTest("skills and what others keep in Acontext are never touched", async (world) => {
  const user = await world.newUser();
  const id = crypto.randomUUID();
  const others = [
    await world.remote.makeDisk({}),
    await world.remote.makeDisk({ user: "somebody" }),
    await world.remote.makeDisk({ user: `other:${id}` }),
    await world.remote.makeDisk({ user: `local-2:${id}` }),
    (await world.remote.makeSkill()).diskId,
  ];
  const mark = { acontext_sessions: { namespace: "other", session_id: id } };
  const otherSessions = [
    await world.remote.makeSession({ configs: mark }),
    await world.remote.makeSession({}),
  ];
  const down = { route: "POST /disk", fault: { kind: "drop", when: "before" } } as const;

  for (const version of ["new", "oldest"] as const) {
    await world.remote.control.setVersion(version);
    // Half-made, so that the sweep has to look for what carries the mark.
    const half = version === "new" ? id : crypto.randomUUID();
    await world.remote.withFaults([down], () => world.create(user, { id: half }));
    const { id: whole } = await world.created(user);
    await world.database.abandon([half]);
    await world.database.expire([whole]);
    assertEquals((await world.swept()).deleted, 2, version);
    const audit = await world.remote.audit();
    assertEquals(audit.disks.map((disk) => disk.id).sort(), others.toSorted());
    assertEquals(audit.sessions.map((session) => session.id).sort(), otherSessions.toSorted());
  }
  assertEquals(await world.database.rowCount(), 0);
});

integrationTest("an old server that ignores labels loses no skill to a sweep", async (world) => {
  const user = await world.newUser();
  await world.remote.control.setVersion("oldest");
  const skill = await world.remote.makeSkill();
  const id = crypto.randomUUID();
  const down = { route: "POST /disk", fault: { kind: "drop", when: "before" } } as const;
  await world.remote.withFaults([down], () => world.create(user, { id }));
  await world.database.abandon([id]);
  assertEquals((await world.swept()).deleted, 1);
  const audit = await world.remote.audit();
  assertEquals(audit.disks.map((disk) => disk.id), [skill.diskId]);
  assertEquals(audit.sessions, []);
  assertEquals((await world.database.receipts())[0]?.disk_proof, "unproven");
});

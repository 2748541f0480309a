import { assertEquals } from "@std/assert/mod.js";
import {
  activate,
  ALICE,
  begin,
  BOB,
  claim,
  diskId,
  makeActive,
  orphanDisks,
  raceTest,
  requestDeletion,
  runId,
  sessionId,
  settle,
  state,
} from "./support/races.ts";

raceTest("of two creates with one id one makes the session, the other waits", async (race) => {
  const { first, second, operator } = race;
  await first.begin();
  assertEquals((await begin(first, 1, { lease: 1 })).outcome, "started");
  const late = begin(second, 1, { lease: 2 });
  await race.blocked(second);
  await first.commit();
  assertEquals((await late).outcome, "busy");
  assertEquals(await state(operator), { 1: "provisioning" });
});

raceTest("of two users who create with one id the second finds nothing", async (race) => {
  const { first, second } = race;
  await first.begin();
  await begin(first, 1);
  const late = begin(second, 1, { userId: BOB });
  await race.blocked(second);
  await first.commit();
  assertEquals((await late).outcome, "not_found");
});

raceTest("a create whose rival breaks off starts in its place", async (race) => {
  const { first, second } = race;
  await first.begin();
  await begin(first, 1);
  const late = begin(second, 1, { userId: BOB });
  await race.blocked(second);
  await first.rollBack();
  assertEquals((await late).outcome, "started");
});

raceTest("two creates cannot exceed the quota together", async (race) => {
  const { first, second, operator } = race;
  await operator.query(
    "update acontext_sessions.settings set max_sessions_per_user = 1 where only_row",
  );
  await first.begin();
  assertEquals((await begin(first, 1)).outcome, "started");
  const late = begin(second, 2);
  await race.blocked(second);
  await first.commit();
  assertEquals((await late).outcome, "quota_exceeded");
  assertEquals(await state(operator), { 1: "provisioning" });
});

raceTest("two creates cannot exceed the rate together", async (race) => {
  const { first, second, operator } = race;
  await operator.query(
    "update acontext_sessions.settings set max_creations_per_minute = 1 where only_row",
  );
  await first.begin();
  assertEquals((await begin(first, 1)).outcome, "started");
  const late = begin(second, 2);
  await race.blocked(second);
  await first.commit();
  assertEquals((await late).outcome, "rate_limited");
  assertEquals(await state(operator), { 1: "provisioning" });
});

raceTest("a create that breaks off gives its place in the rate back", async (race) => {
  const { first, second, operator } = race;
  await operator.query(
    "update acontext_sessions.settings set max_creations_per_minute = 1 where only_row",
  );
  await first.begin();
  await begin(first, 1);
  const late = begin(second, 2);
  await race.blocked(second);
  await first.rollBack();
  assertEquals((await late).outcome, "started");
});

raceTest("an id whose whole life passes while a create waits is not used again", async (race) => {
  const { first, second, third, operator } = race;
  await operator.query(
    "update acontext_sessions.settings set max_sessions_per_user = 5 where only_row",
  );
  await first.begin();
  await begin(first, 9);
  const late = begin(second, 1);
  await race.blocked(second);
  await begin(third, 1, { userId: BOB });
  await activate(third, 1);
  await operator.query("delete from public.session_mappings where id = $1", [sessionId(1)]);
  assertEquals(await claim(third), [sessionId(1)]);
  assertEquals((await settle(third, [1])).deleted, 1);
  await first.commit();
  assertEquals((await late).outcome, "not_found");
  assertEquals(await state(operator), { 9: "provisioning" });
});

raceTest("a create waits for the deletion of its user, and then knows none", async (race) => {
  const { first, operator, second } = race;
  await second.query("reset role");
  await second.begin();
  await second.query("delete from auth.users where id = $1", [ALICE]);
  const late = begin(first, 1);
  await race.blocked(first);
  await second.commit();
  assertEquals((await late).outcome, "unknown_user");
  assertEquals(await state(operator), {});
});

raceTest("a create waits for no other change of the account, nor holds one up", async (race) => {
  const { first, second, operator } = race;
  await second.query("reset role");
  const signIn = "update auth.users set last_sign_in_at = now() where id = $1";
  await second.begin();
  await second.query(signIn, [ALICE]);
  await first.begin();
  assertEquals((await begin(first, 1)).outcome, "started");
  await second.commit();
  await second.query(signIn, [ALICE]);
  await first.commit();
  assertEquals(await state(operator), { 1: "provisioning" });
});

raceTest(
  "a session that is bound while its user is deleted softly goes with the next step",
  async (race) => {
    const { first, second, operator } = race;
    await second.query("reset role");
    await begin(first, 1);
    await first.begin();
    assertEquals((await activate(first, 1)).outcome, "active");
    await second.query("update auth.users set deleted_at = now() where id = $1", [ALICE]);
    await first.commit();
    assertEquals(await state(operator), { 1: "active" });
    await operator.query("select acontext_sessions.queue_erased(10)");
    assertEquals(await state(operator), { 1: "deleting user_deleted/+/+" });
  },
);

raceTest("the deletion of a user waits for a create, and then queues its session", async (race) => {
  const { first, second, operator } = race;
  await second.query("reset role");
  await first.begin();
  await begin(first, 1);
  const late = second.query("delete from auth.users where id = $1", [ALICE]);
  await race.blocked(second);
  await first.commit();
  await late;
  assertEquals(await state(operator), { 1: "deleting user_deleted/-/-" });
});

raceTest("what was made for a user who is being deleted is named in the queue", async (race) => {
  const { first, second, operator } = race;
  await second.query("reset role");
  await begin(first, 1);
  await second.begin();
  await second.query("delete from auth.users where id = $1", [ALICE]);
  const late = activate(first, 1);
  await race.blocked(first);
  await second.commit();
  assertEquals((await late).outcome, "deleting");
  assertEquals(await state(operator), { 1: "deleting user_deleted/+/+" });
});

raceTest("the deletion of a user waits for what is being bound, and queues it", async (race) => {
  const { first, second, operator } = race;
  await second.query("reset role");
  await begin(first, 1);
  await first.begin();
  await activate(first, 1);
  const late = second.query("delete from auth.users where id = $1", [ALICE]);
  await race.blocked(second);
  await first.commit();
  await late;
  assertEquals(await state(operator), { 1: "deleting user_deleted/+/+" });
});

raceTest("a delete request waits for what is being bound, and takes it", async (race) => {
  const { first, second, operator } = race;
  await begin(first, 1);
  await first.begin();
  await activate(first, 1);
  const late = requestDeletion(second, 1);
  await race.blocked(second);
  await first.commit();
  assertEquals((await late).outcome, "claimed");
  assertEquals(await state(operator), { 1: "deleting requested/+/+" });
});

raceTest("what is bound after a delete request is named in the queue", async (race) => {
  const { first, second, operator } = race;
  await begin(first, 1);
  await second.begin();
  await requestDeletion(second, 1);
  const late = activate(first, 1);
  await race.blocked(first);
  await second.commit();
  assertEquals((await late).outcome, "deleting");
  assertEquals(await state(operator), { 1: "deleting requested/+/+" });
});

raceTest("two sessions cannot be bound to one disk at once", async (race) => {
  const { first, second, operator } = race;
  await begin(first, 1);
  await begin(first, 2);
  await first.begin();
  assertEquals((await activate(first, 1, { disk: 7 })).outcome, "active");
  const late = activate(second, 2, { disk: 7 });
  await race.blocked(second);
  await first.commit();
  assertEquals((await late).outcome, "taken");
  assertEquals(await state(operator), { 1: "active", 2: "provisioning" });
});

raceTest(
  "of two callers that made one session one binds, the other's disk is queued",
  async (race) => {
    const { first, second, operator } = race;
    await begin(first, 1, { lease: 1 });
    await first.begin();
    await activate(first, 1, { disk: 1 });
    const late = activate(second, 1, { disk: 2, lease: 2 });
    await race.blocked(second);
    await first.commit();
    assertEquals((await late).outcome, "active");
    assertEquals(await orphanDisks(operator), [diskId(2)]);
  },
);

raceTest("a disk that is being queued as an orphan is not bound", async (race) => {
  const { first, second, operator } = race;
  await begin(first, 1);
  await second.begin();
  await second.query("select acontext_sessions.queue_orphans($1, '{}', array[$2]::uuid[], null)", [
    sessionId(1),
    diskId(1),
  ]);
  const late = activate(first, 1);
  await race.blocked(first);
  await second.commit();
  assertEquals((await late).outcome, "taken");
  assertEquals(await state(operator), { 1: "provisioning" });
});

raceTest("a disk that is being bound is not queued as an orphan", async (race) => {
  const { first, second, operator } = race;
  await begin(first, 1);
  await first.begin();
  await activate(first, 1);
  const late = second.query(
    "select acontext_sessions.queue_orphans($1, '{}', array[$2]::uuid[], null) as n",
    [
      sessionId(1),
      diskId(1),
    ],
  );
  await race.blocked(second);
  await first.commit();
  assertEquals((await late)[0]?.n, 0);
  assertEquals(await orphanDisks(operator), []);
});

raceTest("what is bound while a worker reports absence is not lost", async (race) => {
  const { first, second, operator } = race;
  await begin(first, 1);
  await operator.query("delete from acontext_sessions.provisioning_leases where true");
  await operator.query("delete from public.session_mappings where id = $1", [sessionId(1)]);
  assertEquals(await claim(second), [sessionId(1)]);
  await second.begin();
  assertEquals((await settle(second, [1])).deleted, 1);
  const late = activate(first, 1);
  await race.blocked(first);
  await second.commit();
  assertEquals((await late).outcome, "deleting");
  assertEquals(await state(operator), {});
  assertEquals(await orphanDisks(operator), [diskId(1)]);
});

raceTest("a report of absence does not pass what is being bound", async (race) => {
  const { first, second, operator } = race;
  await begin(first, 1);
  await operator.query("delete from acontext_sessions.provisioning_leases where true");
  await operator.query("delete from public.session_mappings where id = $1", [sessionId(1)]);
  await claim(second);
  await first.begin();
  assertEquals((await activate(first, 1)).outcome, "deleting");
  assertEquals((await settle(second, [1])).lost, 1);
  await first.commit();
  assertEquals((await settle(second, [1])).lost, 1);
  assertEquals(await state(operator), { 1: "deleting requested/+/+" });
});

raceTest(
  "a session whose making is resumed is not stale, even for a sweep that looked before",
  async (race) => {
    const { first, second, operator } = race;
    await begin(first, 1);
    await operator.query(`
    update public.session_mappings
    set created_at = created_at - interval '1 hour', last_activity_at = last_activity_at - interval '1 hour'
    where true`);
    await operator.query("delete from acontext_sessions.provisioning_leases where true");
    await second.rpc("acontext_start_sweep", { p_run_id: runId(1), p_force: false });
    const queueDue = () =>
      second.rpc("acontext_queue_due_sessions", { p_run_id: runId(1), p_limit: 10 });

    await first.begin();
    await begin(first, 1, { lease: 2 });
    assertEquals((await queueDue()).stale, 0, "while it is being resumed");
    await first.rollBack();

    await second.begin("isolation level repeatable read");
    await second.query("select count(*) from public.session_mappings");
    await begin(first, 1, { lease: 2 });
    const { stale, problems } = await queueDue();
    await second.rollBack();
    assertEquals([stale, problems], [0, ["stale_failed: 40001"]], "with a snapshot from before");
    assertEquals(await state(operator), { 1: "provisioning" });
  },
);

raceTest("a session that exists is answered to all who create it at once", async (race) => {
  const { first, second, third, operator } = race;
  await makeActive(first, 1);
  const answers = await Promise.all([first, second, third].map((caller) => begin(caller, 1)));
  assertEquals(answers.map(({ outcome }) => outcome), ["existing", "existing", "existing"]);
  assertEquals(await state(operator), { 1: "active" });
});

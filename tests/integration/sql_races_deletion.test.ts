import { assertEquals } from "@std/assert/mod.js";
import {
  ALICE,
  claim,
  type Connection,
  leaseId,
  makeActive,
  raceTest,
  requestDeletion,
  restore,
  runId,
  sessionId,
  settle,
  state,
} from "./support/races.ts";

const OLD =
  "update public.session_mappings set last_activity_at = now() - interval '31 days' where true";

raceTest("two workers claim different deletions, and neither waits", async (race) => {
  const { first, second, operator } = race;
  await makeActive(operator, 1, 2, 3);
  await operator.query("delete from public.session_mappings where true");
  await first.begin();
  const taken = await claim(first, { limit: 2 });
  assertEquals(taken.length, 2);
  const rest = await claim(second, { lease: 4 });
  await first.commit();
  assertEquals([...taken, ...rest].sort(), [1, 2, 3].map(sessionId));
  assertEquals(await claim(second, { lease: 5 }), []);
});

raceTest("workers that claim at once take what has been due longest", async (race) => {
  const { first, second, third, operator } = race;
  await makeActive(operator, 1, 2, 3);
  // Neither in the order of the ids nor in that of the requests.
  for (const [n, minutes] of [[1, 1], [2, 3], [3, 2]] as const) {
    await operator.query("delete from public.session_mappings where id = $1", [sessionId(n)]);
    await operator.query(
      "update acontext_sessions.deletion_queue set next_attempt_at = now() - make_interval(mins => $2) where id = $1",
      [sessionId(n), minutes],
    );
  }
  const callers = [first, second, third];
  for (const caller of callers) await caller.begin();
  const claimed: string[] = [];
  for (const [n, caller] of callers.entries()) {
    claimed.push(...await claim(caller, { lease: n + 1, limit: 1 }));
  }
  for (const caller of callers) await caller.commit();
  assertEquals(claimed, [2, 3, 1].map(sessionId));
});

raceTest("a second delete request meets the lease of the first", async (race) => {
  const { first, second, operator } = race;
  await makeActive(operator, 1);
  await first.begin();
  assertEquals((await requestDeletion(first, 1, 1)).outcome, "claimed");
  const late = requestDeletion(second, 1, 2);
  await race.blocked(second);
  await first.commit();
  assertEquals((await late).outcome, "queued");
  const [entry] = await operator.query("select lease_id from acontext_sessions.deletion_queue");
  assertEquals(entry?.lease_id, leaseId(1));
});

raceTest("a restore that comes while a worker claims is too late", async (race) => {
  const { first, second, operator } = race;
  await makeActive(operator, 1);
  await operator.query("delete from public.session_mappings where true");
  await first.begin();
  assertEquals(await claim(first), [sessionId(1)]);
  const late = restore(second, 1);
  await race.blocked(second);
  await first.commit();
  assertEquals((await late).outcome, "too_late");
  assertEquals(await state(operator), { 1: "deleting requested/+/+" });
});

raceTest("a worker leaves what is being restored, and does not wait", async (race) => {
  const { first, second, operator } = race;
  await makeActive(operator, 1);
  await operator.query("delete from public.session_mappings where true");
  await first.begin();
  assertEquals((await restore(first, 1)).outcome, "restored");
  assertEquals(await claim(second), []);
  await first.commit();
  assertEquals(await claim(second), []);
  assertEquals(await state(operator), { 1: "active" });
});

raceTest(
  "an operator who takes a deletion back by SQL is too late while a worker claims",
  async (race) => {
    const { first, second, operator } = race;
    await makeActive(operator, 1);
    await operator.query("delete from public.session_mappings where true");
    await first.begin();
    await claim(first);
    const late = second.query("update public.session_mappings set status = 'active' where true")
      .then(() => null, (error) => error.code);
    await race.blocked(second);
    await first.commit();
    assertEquals(await late, "23514");
    assertEquals(await state(operator), { 1: "deleting requested/+/+" });
  },
);

raceTest(
  "a session that is being used does not expire, and the sweep does not wait",
  async (race) => {
    const { first, second, operator } = race;
    await makeActive(operator, 1, 2);
    await operator.query(OLD);
    await second.rpc("acontext_start_sweep", { p_run_id: runId(1), p_force: false });
    await first.begin();
    await first.query("update public.session_mappings set last_activity_at = now() where id = $1", [
      sessionId(1),
    ]);
    const queueDue = () =>
      second.rpc("acontext_queue_due_sessions", { p_run_id: runId(1), p_limit: 10 });
    assertEquals((await queueDue()).expired, 1);
    await first.commit();
    assertEquals((await queueDue()).expired, 0);
    assertEquals(await state(operator), { 1: "active", 2: "deleting expired/+/+" });
  },
);

raceTest(
  "an owner's change waits for the sweep that expires the session, and finds none",
  async (race) => {
    const { first, second, operator } = race;
    await makeActive(operator, 1);
    await operator.query(OLD);
    await second.query("set role authenticated");
    await second.query("select set_config('request.jwt.claims', $1, false)", [
      JSON.stringify({ sub: ALICE, role: "authenticated" }),
    ]);
    await first.rpc("acontext_start_sweep", { p_run_id: runId(1), p_force: false });
    await first.begin();
    await first.rpc("acontext_queue_due_sessions", { p_run_id: runId(1), p_limit: 10 });
    const late = second.query(
      "update public.session_mappings set pinned = true where true returning id",
    );
    await race.blocked(second);
    await first.commit();
    assertEquals(await late, []);
    assertEquals(await state(operator), { 1: "deleting expired/+/+" });
  },
);

raceTest("two sweeps expire each session once, and neither waits", async (race) => {
  const { first, second, operator } = race;
  await makeActive(operator, 1, 2, 3);
  await operator.query(OLD);
  for (const [n, sweep] of [first, second].entries()) {
    await sweep.rpc("acontext_start_sweep", { p_run_id: runId(n), p_force: false });
  }
  await first.begin();
  const taken = await first.rpc("acontext_queue_due_sessions", { p_run_id: runId(0), p_limit: 2 });
  const rest = await second.rpc("acontext_queue_due_sessions", { p_run_id: runId(1), p_limit: 10 });
  await first.commit();
  assertEquals([taken.expired, rest.expired], [2, 1]);
});

raceTest(
  "a delete request waits for the sweep that expires the session, and takes it",
  async (race) => {
    const { first, second, operator } = race;
    await makeActive(operator, 1);
    await operator.query(OLD);
    await first.rpc("acontext_start_sweep", { p_run_id: runId(1), p_force: false });
    await first.begin();
    await first.rpc("acontext_queue_due_sessions", { p_run_id: runId(1), p_limit: 10 });
    const late = requestDeletion(second, 1);
    await race.blocked(second);
    await first.commit();
    assertEquals((await late).outcome, "claimed");
    assertEquals(await state(operator), { 1: "deleting expired/+/+" });
  },
);

raceTest(
  "a report does not wait for sessions that others hold, so it cannot deadlock",
  async (race) => {
    const { first, second, operator } = race;
    await makeActive(operator, 1, 2);
    await operator.query("delete from public.session_mappings where true");
    assertEquals((await claim(second)).length, 2);
    await first.query("reset role");
    await first.begin();
    // As the deletion of a user does, in an order of its own.
    await first.query("select 1 from public.session_mappings where id = $1 for update", [
      sessionId(2),
    ]);
    await second.begin();
    const settled = await settle(second, [1, 2]);
    assertEquals([settled.deleted, settled.lost], [1, 1]);
    await first.query("delete from auth.users where id = $1", [ALICE]);
    await second.commit();
    await first.commit();
    assertEquals(await state(operator), { 2: "deleting requested/+/+" });
    assertEquals((await settle(second, [2])).deleted, 1, "its lease still holds");
  },
);

raceTest("a report and the deletion of the user of its sessions pass each other", async (race) => {
  const { first, second, operator } = race;
  await makeActive(operator, 1, 2);
  await operator.query("delete from public.session_mappings where true");
  await claim(second);
  await first.query("reset role");
  await second.begin();
  await settle(second, [1]);
  await first.query("delete from auth.users where id = $1", [ALICE]);
  await second.commit();
  assertEquals(await state(operator), { 2: "deleting requested/+/+" });
  const receipts = await operator.query("select id, user_id from acontext_sessions.deletion_log");
  assertEquals(receipts, [{ id: sessionId(1), user_id: ALICE }]);
});

raceTest("a change of the lifetime holds up no report", async (race) => {
  const { first, second, operator } = race;
  await makeActive(operator, 1, 2);
  await operator.query("delete from public.session_mappings where id = $1", [sessionId(1)]);
  await claim(second);
  await first.begin();
  await first.query("select public.acontext_configure_cleanup($1)", [{ session_ttl: "7 days" }]);
  assertEquals((await settle(second, [1])).deleted, 1);
  await first.commit();
});

raceTest("of two deliveries of one run one starts it", async (race) => {
  const { first, second } = race;
  const start = { p_run_id: runId(1), p_force: false };
  await first.begin();
  assertEquals((await first.rpc("acontext_start_sweep", start)).outcome, "started");
  const late = second.rpc("acontext_start_sweep", start);
  await race.blocked(second);
  await first.commit();
  assertEquals((await late).outcome, "duplicate");
});

raceTest("two dispatchers at once call one worker", async (race) => {
  const { first, second, operator } = race;
  await withSecretsOfNobody(operator, async () => {
    await makeActive(operator, 1);
    await operator.query("delete from public.session_mappings where true");
    const dispatch = "select acontext_sessions.dispatch_sweep('retry', false, false) as n";
    await first.begin();
    assertEquals((await first.query(dispatch))[0]?.n, 1);
    const late = second.query(dispatch);
    await race.blocked(second);
    await first.commit();
    assertEquals((await late)[0]?.n, 0);
  });
});

/** Runs `work` while calls go where nobody answers. Other tests need the stack's own secrets again. */
async function withSecretsOfNobody(
  operator: Connection,
  work: () => Promise<void>,
): Promise<void> {
  const names = "name in ('acontext_sessions_project_url', 'acontext_sessions_secret_key')";
  const before = await operator.query(
    `select name, decrypted_secret as value from vault.decrypted_secrets where ${names}`,
  );
  async function replace(secrets: [value: string, name: string][]): Promise<void> {
    await operator.query(`delete from vault.secrets where ${names}`);
    for (const secret of secrets) {
      await operator.query("select vault.create_secret($1, $2)", secret);
    }
  }
  await replace([["http://127.0.0.1:1", "acontext_sessions_project_url"], [
    "sb_secret_nobody",
    "acontext_sessions_secret_key",
  ]]);
  try {
    await work();
  } finally {
    await replace(before.map(({ value, name }) => [String(value), String(name)]));
  }
}

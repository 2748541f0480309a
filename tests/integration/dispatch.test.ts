import { assertEquals } from "@std/assert/mod.js";
import { eventually } from "../support/eventually.ts";
import { assertNothingLeft } from "./support/remote.ts";
import { expiredSessions } from "./support/sessions.ts";
import { answering } from "./support/strange_servers.ts";
import { withKey, withoutSecret, withSecret } from "./support/vault.ts";
import { integrationTest, type World } from "./support/world.ts";

/** Calls the dispatcher as its cron job does; answers how many workers it called. */
async function dispatch(
  { database: { sql } }: World,
  { trigger = "schedule", expires = true }: { trigger?: string; expires?: boolean } = {},
): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select acontext_sessions.dispatch_sweep(${trigger}, ${expires}, false) as count`;
  return row?.count ?? 0;
}

async function finishedRuns({ database }: World) {
  return await eventually("every run has finished", async () => {
    const runs = await database.runs();
    return runs.length > 0 && runs.every(({ status }) => status === "finished") && runs;
  }, 20_000);
}

integrationTest("the dispatcher calls the function through pg_net", async (world) => {
  await expiredSessions(world, 3);
  assertEquals(await dispatch(world), 1);
  const [run] = await finishedRuns(world);
  assertEquals([run?.trigger, run?.deleted, run?.stop_reason], ["schedule", 3, "empty"]);
  const { sql } = world.database;
  const answer = await eventually("pg_net has the answer", async () => {
    const [row] = await sql<{ status: number; body: string }[]>`
      select a.status_code as status, a.content as body
      from net._http_response as a
      join acontext_sessions.runs as r on r.request_id = a.id`;
    return row;
  });
  assertEquals(answer.status, 202);
  assertEquals(JSON.parse(answer.body), { runId: run?.id, status: "accepted" });
  assertNothingLeft(await world.remote.audit());
});

integrationTest("the dispatcher makes no call when nothing is due", async (world) => {
  await world.created(await world.newUser());
  assertEquals(await dispatch(world), 0);
  assertEquals(await world.database.runs(), []);
});

integrationTest("a dispatch that is rolled back calls nobody", async (world) => {
  await expiredSessions(world, 1);
  const { sql } = world.database;
  const undone = await sql.begin(async (tx) => {
    await tx`select acontext_sessions.dispatch_sweep('schedule', true, false)`;
    throw new Error("undo");
  }).catch((error) => error.message);
  assertEquals(undone, "undo");
  assertEquals(await world.database.runs(), []);
  assertEquals((await world.swept()).deleted, 1);
});

integrationTest("a backlog larger than one run drains by itself", async (world) => {
  await world.database.configure({ max_per_run: 2, max_workers: 1 });
  await expiredSessions(world, 5);
  assertEquals(await dispatch(world), 1);
  const runs = await finishedRuns(world);
  assertEquals(runs.map(({ trigger }) => trigger), ["schedule", "chain", "chain"]);
  assertEquals(runs.map(({ deleted }) => deleted), [2, 2, 1]);
  assertNothingLeft(await world.remote.audit());
});

integrationTest("several workers share a backlog, and no more than allowed", async (world) => {
  await world.database.configure({ max_per_run: 4, max_workers: 3 });
  await expiredSessions(world, 20);
  const slow = ["DELETE /session/:id", "DELETE /disk/:id"].map((route) => ({
    route,
    fault: { kind: "delay", ms: 50 } as const,
  }));
  await world.remote.withFaults(slow, async () => {
    assertEquals(await dispatch(world), 3);
    assertEquals(await dispatch(world), 0, "they are at it");
    await finishedRuns(world);
  });
  const receipts = await world.database.receipts();
  assertEquals(receipts.length, 20);
  assertNothingLeft(await world.remote.audit());
});

integrationTest("the retry job works the queue and expires nothing", async (world) => {
  await expiredSessions(world, 2);
  const user = await world.newUser();
  const { id } = await world.created(user);
  await world.remote.withFaults(
    [{ route: "*", fault: { kind: "outage" } }],
    () => world.remove(user, id),
  );
  assertEquals(await dispatch(world, { trigger: "retry", expires: false }), 0, "not due yet");
  await world.database.makeDue();
  assertEquals(await dispatch(world, { trigger: "retry", expires: false }), 1);
  const [run] = await finishedRuns(world);
  assertEquals([run?.trigger, run?.deleted, run?.expired], ["retry", 1, 0]);
  assertEquals(await world.database.rowCount(), 2);
});

integrationTest("without its address the dispatcher says so and calls nobody", async (world) => {
  await expiredSessions(world, 1);
  await withoutSecret(world, "acontext_sessions_project_url", async () => {
    assertEquals(await dispatch(world), 0);
    assertEquals(await dispatch(world), 0);
  });
  const runs = await world.database.runs();
  assertEquals(runs.map(({ stop_reason }) => stop_reason), ["not_configured"], "said once an hour");
  assertEquals(await dispatch(world), 1);
  const [, run] = await finishedRuns(world);
  assertEquals(run?.deleted, 1);
});

integrationTest("a call that was refused is recorded and holds up nobody", async (world) => {
  await expiredSessions(world, 1);
  const { sql } = world.database;
  const refusing = answering(() => new Response(null, { status: 401 }));
  try {
    await withSecret(world, ["acontext_sessions_project_url", refusing.url], async () => {
      assertEquals(await dispatch(world), 1);
      assertEquals(await dispatch(world), 0, "it may still be on its way");
      await eventually("pg_net has the answer", async () => {
        const rows = await sql`select 1 from net._http_response where status_code = 401`;
        return rows.length > 0;
      });
    });
  } finally {
    await refusing.close();
  }
  assertEquals(await dispatch(world), 1);
  const [refused, run] = await finishedRuns(world);
  assertEquals([refused?.stop_reason, run?.deleted], ["not_delivered", 1]);
  const [row] = await sql<{ errors: unknown }[]>`
    select errors from acontext_sessions.runs where stop_reason = 'not_delivered'`;
  assertEquals(row?.errors, [{ id: refused?.id, error: "http_401" }]);
});

/** What pg_net sends to a server that refuses it: the credential, as whoever can read the queue has it. */
async function seen(world: World): Promise<Headers> {
  const asked = Promise.withResolvers<Headers>();
  const server = answering((request) => {
    asked.resolve(request.headers);
    return new Response(null, { status: 503 });
  });
  try {
    await withSecret(world, ["acontext_sessions_project_url", server.url], async () => {
      assertEquals(await dispatch(world), 1);
      await asked.promise;
    });
  } finally {
    await server.close();
  }
  return await asked.promise;
}

/** The status of a call of cleanup-sessions with these headers. */
async function startWith(
  world: World,
  headers: HeadersInit,
  body: Record<string, unknown>,
): Promise<number> {
  const given = new Headers(headers);
  given.set("content-type", "application/json");
  const { status } = await world.call("cleanup-sessions", "", {
    method: "POST",
    headers: given,
    body: JSON.stringify(body),
  });
  return status;
}

integrationTest("a scheduled call carries no key, and one that Vault still has", async (world) => {
  await expiredSessions(world, 1);
  const headers = await seen(world);
  assertEquals(headers.get("apikey"), null);
  assertEquals(headers.get("authorization"), null);
  const [run] = await world.database.runs();
  assertEquals(headers.get("x-run-id"), run?.id);
  await eventually("the refusal is seen", async () => {
    await dispatch(world);
    return (await world.database.runs()).some(({ stop_reason }) => stop_reason !== null);
  });
  await finishedRuns(world);

  await expiredSessions(world, 1);
  await withKey(world, world.info.secretKey, async () => {
    assertEquals((await seen(world)).get("apikey"), world.info.secretKey, "as before");
  });
});

integrationTest("a key in Vault that is wrong holds up no call", async (world) => {
  await expiredSessions(world, 1);
  await withKey(world, "sb_secret_of_yesterday", async () => {
    assertEquals(await dispatch(world), 1);
    const [run] = await finishedRuns(world);
    assertEquals([run?.deleted, run?.stop_reason], [1, "empty"]);
  });
});

integrationTest(
  "who reads a run's id from the queue can start that run, and nothing else",
  async (world) => {
    await expiredSessions(world, 1);
    const stolen = (await seen(world)).get("x-run-id") ?? "";
    const attack = (body: Record<string, unknown>, headers: HeadersInit = { "x-run-id": stolen }) =>
      startWith(world, headers, body);
    const run = { runId: stolen, task: "sweep", background: true };

    for (
      const other of [
        { ...run, background: false },
        { ...run, force: true },
        { ...run, limit: 1 },
        { runId: stolen, dryRun: true },
        { background: true },
        { ...run, runId: crypto.randomUUID() },
      ]
    ) {
      assertEquals(await attack(other), 403, JSON.stringify(other));
    }
    assertEquals(await attack({ ...run, task: "reconcile" }), 401, "another task");
    const guessed = crypto.randomUUID();
    assertEquals(await attack({ ...run, runId: guessed }, { "x-run-id": guessed }), 401, "a guess");
    assertEquals(await attack(run, { apikey: stolen }), 401, "as a key");
    const health = await world.call("session-health", "", { headers: { "x-run-id": stolen } });
    assertEquals(
      Object.keys(Object(health.body)),
      ["status"],
      "health tells no more than to anybody",
    );
    assertEquals((await world.database.runs()).map(({ status }) => status), ["requested"]);
    assertEquals(await world.database.rowCount(), 1, "nothing was deleted");

    const together = await Promise.all(Array.from({ length: 8 }, () => attack(run)));
    assertEquals(together.toSorted(), [202, ...Array(7).fill(401)], "many at once start it once");
    const [started] = await finishedRuns(world);
    assertEquals([started?.id, started?.deleted], [stolen, 1]);
    assertEquals(await attack(run), 401, "a replay");
    assertEquals((await world.database.runs()).length, 1);
  },
);

integrationTest("a run's id expires, and one that no dispatcher called is none", async (world) => {
  await expiredSessions(world, 1);
  const { sql } = world.database;
  const id = (await seen(world)).get("x-run-id") ?? "";
  await sql`
    update acontext_sessions.runs set requested_at = requested_at - interval '1 hour' where id = ${id}`;
  const start = (runId: string) =>
    startWith(world, { "x-run-id": runId }, { runId, task: "sweep", background: true });
  assertEquals(await start(id), 401, "an hour later");
  const byHand = crypto.randomUUID();
  await sql`
    insert into acontext_sessions.runs (id, task, trigger, status)
    values (${byHand}, 'sweep', 'manual', 'requested')`;
  assertEquals(await start(byHand), 401, "a run without a call");
  const swept = await world.swept();
  assertEquals(await start(swept.runId), 401, "a run of an operator");
});

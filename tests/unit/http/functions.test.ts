import { assertEquals, assertMatch, assertRejects } from "@std/assert/mod.js";
import type { SweepReport } from "../../../supabase/functions/_acontext_sessions/core/cleanup/sweep.ts";
import { AppError } from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import type { SessionView } from "../../../supabase/functions/_acontext_sessions/core/sessions/ports.ts";
import { runOrSecretKey, user } from "../../../supabase/functions/_acontext_sessions/http/auth.ts";
import { serve } from "../../../supabase/functions/_acontext_sessions/http/serve.ts";
import {
  routes as cleanupRoutes,
  type Task,
} from "../../../supabase/functions/cleanup-sessions/routes.ts";
import {
  type CreateInput,
  routes as createRoutes,
} from "../../../supabase/functions/create-session/routes.ts";
import { routes as deleteRoutes } from "../../../supabase/functions/delete-session/routes.ts";
import { recordLog, SECRET_KEY, signToken, testEnv, USER_ID } from "./fixtures.ts";

const ID = "11111111-2222-4333-8444-55555555abcd";
const NIL = "00000000-0000-0000-0000-000000000000";
const token = await signToken();

const SESSION: SessionView = {
  id: ID,
  status: "active",
  title: null,
  metadata: {},
  pinned: false,
  ttl: null,
  messageCount: 0,
  acontextSessionId: ID,
  acontextDiskId: USER_ID,
  createdAt: "2026-11-20T12:00:00+00:00",
  updatedAt: "2026-11-20T12:00:00+00:00",
  lastActivityAt: "2026-11-20T12:00:00+00:00",
  expiresAt: "2026-12-20T12:00:00+00:00",
};

const REPORT: SweepReport = {
  runId: ID,
  total: 3,
  deleted: 2,
  failed: 1,
  deferred: 0,
  remaining: 0,
  errors: [{ id: USER_ID, error: "http_500" }],
  stopReason: "empty",
};

function call(method: string, path: string, body?: unknown): Request {
  return new Request(`http://x.test${path}`, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

function creating(created: boolean) {
  const inputs: CreateInput[] = [];
  const fetch = serve({
    name: "create-session",
    auth: user,
    routes: createRoutes({
      create(input) {
        inputs.push(input);
        return Promise.resolve({ created, session: SESSION });
      },
    }),
    env: testEnv,
    log: recordLog().log,
  });
  return { fetch, inputs };
}

Deno.test("create-session answers 201 with a new session and 200 with an existing one", async () => {
  for (const created of [true, false]) {
    const { fetch, inputs } = creating(created);
    const response = await fetch(call("POST", "/create-session"));
    assertEquals([response.status, await response.json()], [created ? 201 : 200, SESSION]);
    assertEquals(inputs, [
      { userId: USER_ID, title: null, metadata: {}, ttl: null, pinned: false },
    ]);
  }
});

Deno.test("create-session passes on what the caller chose, the owner always from the token", async () => {
  const { fetch, inputs } = creating(true);
  const chosen = { title: "T", metadata: { a: 1 }, ttl: 60, pinned: true };
  const response = await fetch(
    call("POST", "/create-session", { id: ID.toUpperCase(), ...chosen }),
  );
  await response.body?.cancel();
  assertEquals(inputs, [{ id: ID, userId: USER_ID, ...chosen }]);
  const spoofed = await fetch(call("POST", "/create-session", { userId: ID }));
  assertEquals([spoofed.status, (await spoofed.json()).details[0].path], [400, "userId"]);
  assertEquals(inputs.length, 1);
});

Deno.test("create-session tells a bad id from other bad fields", async () => {
  const { fetch, inputs } = creating(true);
  const cases: [unknown, string][] = [
    [{ id: NIL }, "invalid_id"],
    [{ id: "x" }, "invalid_id"],
    [{ id: 7 }, "invalid_id"],
    [{ id: "x", ttl: 1 }, "invalid_request"],
    [{ ttl: 1 }, "invalid_request"],
  ];
  for (const [body, code] of cases) {
    const response = await fetch(call("POST", "/create-session", body));
    assertEquals([response.status, (await response.json()).code], [400, code]);
  }
  assertEquals(inputs, []);
});

function deleting(deleted: boolean) {
  const calls: [string, unknown][] = [];
  const fetch = serve({
    name: "delete-session",
    auth: user,
    routes: deleteRoutes({
      remove(key) {
        calls.push(["remove", key]);
        return Promise.resolve({ deleted });
      },
      restore(key) {
        calls.push(["restore", key]);
        return Promise.resolve(SESSION);
      },
    }),
    env: testEnv,
    log: recordLog().log,
  });
  return { fetch, calls };
}

Deno.test("delete-session answers 200 when proven gone and 202 when not yet, to DELETE and POST", async () => {
  for (const method of ["DELETE", "POST"]) {
    const done = deleting(true);
    const gone = await done.fetch(call(method, `/delete-session/${ID}`));
    assertEquals([gone.status, await gone.json()], [200, { deleted: true }]);
    assertEquals(done.calls, [["remove", { userId: USER_ID, sessionId: ID }]]);
    const later = await deleting(false).fetch(call(method, `/delete-session/${ID}`));
    assertEquals([later.status, await later.json()], [202, { deleted: false, status: "deleting" }]);
  }
});

Deno.test("delete-session restores, and never mistakes a restore for a delete", async () => {
  const { fetch, calls } = deleting(true);
  const response = await fetch(call("POST", `/delete-session/${ID}/restore`));
  assertEquals([response.status, await response.json()], [200, SESSION]);
  for (
    const [method, path] of [
      ["DELETE", `/delete-session/${ID}/restore`],
      ["POST", `/delete-session/restore/${ID}`],
      ["POST", `/delete-session/${ID}/restore/x`],
      ["POST", `/delete-session/${NIL}`],
      ["DELETE", "/delete-session"],
    ] as const
  ) {
    const refused = await fetch(call(method, path));
    await refused.body?.cancel();
    assertEquals(refused.status >= 400 && refused.status < 500, true, path);
  }
  assertEquals(calls.map(([name]) => name), ["restore"]);
});

function cleaning(sweep: Task["run"]) {
  const { log, lines } = recordLog();
  const finished: [string, string][] = [];
  const work: Promise<void>[] = [];
  const taken: unknown[] = [];
  const fetch = serve({
    name: "cleanup-sessions",
    auth: runOrSecretKey,
    routes: cleanupRoutes({
      tasks: {
        sweep: {
          run: sweep,
          recordFailure(runId, error) {
            finished.push([runId, error]);
            return Promise.resolve();
          },
        },
        reconcile: {
          run: ({ runId }) => Promise.resolve({ reconciled: runId }),
          recordFailure: () => Promise.reject(new Error("must not run")),
        },
      },
      // One run has been called: a sweep, of which somebody knows the id.
      takeRun(call) {
        taken.push(call);
        return Promise.resolve(taken.length === 1 && call.runId === ID && call.task === "sweep");
      },
      background: (promise) => work.push(promise),
      log,
    }),
    env: testEnv,
    log,
  });
  const post = (body?: unknown, credential: Record<string, string> = { apikey: SECRET_KEY }) =>
    fetch(
      new Request("http://x.test/cleanup-sessions", {
        method: "POST",
        headers: { ...credential, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
  return { fetch, post, lines, finished, work, taken };
}

Deno.test("cleanup-sessions answers 200 with the report of a sweep", async () => {
  const requests: unknown[] = [];
  const { post } = cleaning((request) => {
    requests.push(request);
    return Promise.resolve(REPORT);
  });
  const response = await post({ runId: ID, dryRun: true, force: true, limit: 7 });
  assertEquals([response.status, await response.json()], [200, REPORT]);
  assertEquals(requests, [{ runId: ID, dryRun: true, force: true, limit: 7 }]);
});

Deno.test("cleanup-sessions reconciles when asked to, and knows no other task", async () => {
  const { post } = cleaning(() => Promise.reject(new Error("must not run")));
  const response = await post({ runId: ID, task: "reconcile" });
  assertEquals([response.status, await response.json()], [200, { reconciled: ID }]);
  const refused = await post({ task: "purge" });
  assertEquals([refused.status, (await refused.json()).code], [400, "invalid_request"]);
});

Deno.test("cleanup-sessions makes up a run id when none is given", async () => {
  const ids: string[] = [];
  const { post } = cleaning(({ runId }) => {
    ids.push(runId);
    return Promise.resolve(REPORT);
  });
  await (await post()).body?.cancel();
  await (await post({})).body?.cancel();
  assertEquals(new Set(ids).size, 2);
  for (const id of ids) assertMatch(id, /^[0-9a-f-]{36}$/);
});

Deno.test("cleanup-sessions in the background answers 202 before the sweep ends", async () => {
  const sweep = Promise.withResolvers<SweepReport>();
  const { post, work, finished } = cleaning(() => sweep.promise);
  const response = await post({ runId: ID, background: true });
  assertEquals([response.status, await response.json()], [202, { runId: ID, status: "accepted" }]);
  assertEquals(work.length, 1);
  sweep.resolve(REPORT);
  await work[0];
  assertEquals(finished, []);
});

Deno.test("a sweep that throws in the background is logged and its run finished as failed", async () => {
  const { post, work, finished, lines } = cleaning(() => Promise.reject(new Error("hunter2")));
  const response = await post({ runId: ID, background: true });
  await response.body?.cancel();
  assertEquals(response.status, 202);
  await work[0];
  assertEquals(finished, [[ID, "internal"]]);
  assertEquals(lines.find((line) => line.event === "run_failed")?.["runId"], ID);
  assertEquals(JSON.stringify(lines).includes("hunter2"), false);
});

Deno.test("a sweep that throws in the foreground is answered and its run finished, a dry run is not", async () => {
  const { post, finished } = cleaning(() => Promise.reject(new AppError("database_unavailable")));
  for (const dryRun of [false, true]) {
    const response = await post({ runId: ID, dryRun });
    assertEquals([response.status, (await response.json()).code], [503, "database_unavailable"]);
    assertEquals(finished, [[ID, "database_unavailable"]]);
  }
});

Deno.test("a run that cannot even be finished leaves a log line and no unhandled error", async () => {
  const { log, lines } = recordLog();
  const broken = {
    run: () => Promise.reject(new Error("first")),
    recordFailure: () => Promise.reject(new Error("second")),
  };
  const handlers = cleanupRoutes({
    tasks: { sweep: broken, reconcile: broken },
    takeRun: () => Promise.resolve(false),
    background: () => {},
    log,
  });
  await assertRejects(
    () =>
      Promise.resolve(
        handlers["POST /"]?.({
          caller: null,
          requestId: "r",
          id: () => ID,
          body: (schema) => schema.parseAsync({}),
          query: (schema) => schema.parse({}),
          header: () => null,
          form: () => Promise.resolve(null),
        }),
      ),
    Error,
    "first",
  );
  assertEquals(lines.map((line) => line.event), ["run_failed", "finish_run_failed"]);
});

Deno.test("cleanup-sessions sweeps for nobody without a secret key", async () => {
  const { fetch } = cleaning(() => Promise.reject(new Error("must not run")));
  const response = await fetch(call("POST", "/cleanup-sessions", {}));
  assertEquals([response.status, (await response.json()).code], [401, "unauthorized"]);
});

Deno.test("cleanup-sessions starts a run for who knows its id, once", async () => {
  const requests: unknown[] = [];
  const { post, work, taken } = cleaning((request) => {
    requests.push(request);
    return Promise.resolve(REPORT);
  });
  const start = () => post({ runId: ID, task: "sweep", background: true }, { "x-run-id": ID });
  const response = await start();
  assertEquals([response.status, await response.json()], [202, { runId: ID, status: "accepted" }]);
  await Promise.all(work);
  const again = await start();
  assertEquals([again.status, (await again.json()).code], [401, "unauthorized"]);
  assertEquals(requests, [{ runId: ID, dryRun: false, force: false, limit: null }]);
  assertEquals(taken.length, 2);
});

Deno.test("cleanup-sessions does nothing else for who knows a run's id", async () => {
  const { post, taken } = cleaning(() => Promise.reject(new Error("must not run")));
  const other = "40000000-0000-4000-8000-00000000000b";
  const bodies = [
    {},
    { runId: ID },
    { background: true },
    { runId: other, background: true },
    { runId: ID, dryRun: true },
    { runId: ID, background: true, force: true },
    { runId: ID, background: true, limit: 1 },
    { runId: ID, task: "reconcile" },
  ];
  for (const body of bodies) {
    const response = await post(body, { "x-run-id": ID });
    assertEquals([response.status, (await response.json()).code], [403, "forbidden"]);
  }
  assertEquals(taken, [], "nor is the run taken by that");
  const otherTask = { runId: ID, task: "reconcile", background: true };
  assertEquals((await post(otherTask, { "x-run-id": ID })).status, 401);
});

import { assertEquals } from "@std/assert/mod.js";
import { sweep } from "../../../../supabase/functions/_acontext_sessions/core/cleanup/sweep.ts";
import { reconcile } from "../../../../supabase/functions/_acontext_sessions/core/reconcile/reconcile.ts";
import { ReconcileWorld } from "../../fakes/reconcile_world.ts";
import { uuid, World } from "../../fakes/world.ts";
import { recordLog } from "../../http/fixtures.ts";

const BOUNDS = { force: false, timeBudgetMs: 100_000, signal: new AbortController().signal };

Deno.test("a sweep writes one line with its counts, a dry run none", async () => {
  const world = new World({ latencyMs: 100 });
  world.expired(3);
  const { log, lines } = recordLog();
  const deps = { ...world.deps, log };
  const options = { ...BOUNDS, runId: uuid(0xf1), limit: null };
  await world.run(sweep(deps, { ...options, dryRun: true }));
  assertEquals(lines, []);
  await world.run(sweep(deps, { ...options, dryRun: false }));
  assertEquals(lines.map(({ ms, ...line }) => [typeof ms, line]), [["number", {
    level: "info",
    event: "run",
    runId: uuid(0xf1),
    task: "sweep",
    total: 3,
    deleted: 3,
    failed: 0,
    deferred: 0,
    stopReason: "empty",
    remaining: 0,
    dispatched: 0,
  }]]);
});

Deno.test("a reconcile writes one line with its counts, a dry run none", async () => {
  const world = new ReconcileWorld();
  world.live(100);
  world.orphanSessions(2);
  const { log, lines } = recordLog();
  const { store, catalog, clock } = world;
  const deps = { store, catalog, clock, log };
  const options = { ...BOUNDS, runId: uuid(0xf1) };
  await clock.run(reconcile(deps, { ...options, dryRun: true }));
  assertEquals(lines, []);
  await clock.run(reconcile(deps, { ...options, dryRun: false }));
  assertEquals(lines.map(({ ms, seen, ...line }) => [typeof ms, typeof seen, line]), [[
    "number",
    "number",
    {
      level: "info",
      event: "run",
      runId: uuid(0xf1),
      task: "reconcile",
      stopReason: "complete",
      unknown: 2,
      queued: 2,
      labelsRemoved: 0,
      skipped: 0,
      dispatched: 0,
    },
  ]]);
});

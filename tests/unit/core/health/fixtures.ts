/** Facts of a project in which all is well. @module */

import type { HealthFacts } from "../../../../supabase/functions/_acontext_sessions/core/health/facts.ts";

const exactly = (count: number) => ({ count, estimated: false });

export function healthyFacts(): HealthFacts {
  return {
    time: "2026-11-20T12:00:00+00:00",
    sessions: { provisioning: exactly(1), active: exactly(20), deleting: exactly(2) },
    queue: {
      entries: exactly(3),
      due: exactly(0),
      expired: exactly(0),
      stuck: exactly(0),
      dueForSeconds: null,
      expiredForSeconds: null,
      oldestSeconds: null,
      erasedForSeconds: null,
      missingOwners: exactly(0),
      setAside: exactly(0),
      setAsideForSeconds: null,
      repeatedDeletes: 0,
    },
    runs: {
      recent: [],
      lastSuccessSeconds: 600,
      lastFinished: "empty",
      lastExpiry: "empty",
      lastExpiryScope: "all",
      failedInARow: { sweep: 0, reconcile: 0 },
      lastReconcile: "complete",
      queueProblem: null,
      lastCall: {
        id: "40000000-0000-4000-8000-000000000001",
        task: "sweep",
        trigger: "schedule",
        requestedAt: "2026-11-20T11:50:00+00:00",
        problem: null,
      },
    },
    reconcile: {
      phase: "sessions",
      startedAt: null,
      finishedAt: null,
      running: false,
      quietForSeconds: 3600,
      seen: 0,
      unknown: 0,
      skipped: 0,
    },
    unproven: exactly(0),
    settings: { cleanup_enabled: true, max_expiry_minimum: 100, max_workers: 4 },
    pauses: { cleanup: 93_600, retry: 3_900, reconcile: 691_200 },
    settingsLog: [],
    vault: {
      state: "ok",
      projectUrl: "https://abcdefghijklmnopqrst.supabase.co",
      secretKey: true,
      unusable: [],
    },
    net: { state: "ok", waiting: 0, unlimited: 0 },
    cron: "ok",
    jobs: ["cleanup", "purge", "reconcile", "retry"].map((name) => ({
      name,
      schedule: "0 0 * * *",
      fault: null,
      active: true,
      lastStatus: "succeeded",
      lastStart: "2026-11-20T00:00:00+00:00",
    })),
    migration: "20261120000303",
    migrations: ["20261120000302", "20261120000303"],
  };
}

import { assertEquals, assertMatch } from "@std/assert/mod.js";
import { assess } from "../../../../supabase/functions/_acontext_sessions/core/health/assess.ts";
import type { HealthFacts } from "../../../../supabase/functions/_acontext_sessions/core/health/facts.ts";
import { HEALTH_REASONS } from "../../../../supabase/functions/_acontext_sessions/core/health/reasons.ts";
import { healthyFacts } from "./fixtures.ts";

const RUNBOOKS = new URL("../../../../docs/operations.md", import.meta.url);

/** The codes that health gives when the facts are changed like this. */
function codesOf(change: (facts: HealthFacts) => void): string[] {
  const facts = healthyFacts();
  change(facts);
  return assess(facts).reasons.map(({ code }) => code);
}

Deno.test("assess() is ok and gives no reason when all is well", () => {
  assertEquals(assess(healthyFacts()), { status: "ok", reasons: [] });
});

Deno.test("assess() is ok in a new project without any run", () => {
  const facts = healthyFacts();
  facts.runs = {
    recent: [],
    lastSuccessSeconds: null,
    lastFinished: null,
    lastExpiry: null,
    lastExpiryScope: null,
    failedInARow: { sweep: 0, reconcile: 0 },
    lastReconcile: null,
    queueProblem: null,
    lastCall: null,
  };
  facts.jobs = facts.jobs.map((job) => ({ ...job, lastStatus: null, lastStart: null }));
  assertEquals(assess(facts).status, "ok");
});

Deno.test("assess() puts the worst first, with what was seen and what to do", () => {
  const facts = healthyFacts();
  facts.queue.stuck = { count: 12_345, estimated: true };
  facts.vault = { state: "ok", projectUrl: null, secretKey: false, unusable: [] };
  assertEquals(assess(facts), {
    status: "failing",
    reasons: [
      {
        code: "not_configured",
        severity: "failing",
        message: "Vault lacks acontext_sessions_project_url",
        remedy: HEALTH_REASONS.not_configured.remedy,
      },
      {
        code: "stuck_sessions",
        severity: "degraded",
        message: "About 12345 deletions have failed 10 times or more and are still tried",
        remedy: HEALTH_REASONS.stuck_sessions.remedy,
      },
    ],
  });
});

Deno.test("assess() tells a value of Vault that cannot be used from one that is missing", () => {
  const facts = healthyFacts();
  facts.vault = {
    state: "ok",
    projectUrl: null,
    secretKey: false,
    unusable: ["acontext_sessions_secret_key"],
  };
  assertEquals(
    assess(facts).reasons.map(({ code, message }) => [code, message]),
    [
      ["not_configured", "Vault lacks acontext_sessions_project_url"],
      [
        "unusable_key",
        "acontext_sessions_secret_key in Vault cannot be used; calls are made without it",
      ],
    ],
  );
});

Deno.test("assess() misses no secret key in Vault", () => {
  const codes = codesOf(({ vault }) => vault.secretKey = false);
  assertEquals(codes, []);
});

Deno.test("assess() is overdue when work waits and no run succeeds, growing when runs do", () => {
  const due = (seconds: number, success: number | null) => (facts: HealthFacts) => {
    facts.queue.dueForSeconds = seconds;
    facts.runs.lastSuccessSeconds = success;
  };
  assertEquals(codesOf(due(3_900, null)), []);
  assertEquals(codesOf(due(3_901, null)), ["cleanup_overdue"]);
  assertEquals(codesOf(due(3_901, 3_901)), ["cleanup_overdue"]);
  assertEquals(codesOf(due(3_901, 3_900)), ["backlog_growing"]);
  const expired = (seconds: number, success: number) => (facts: HealthFacts) => {
    facts.queue.expired.count = 5;
    facts.queue.expiredForSeconds = seconds;
    facts.runs.lastSuccessSeconds = success;
  };
  assertEquals(codesOf(expired(93_600, 500_000)), []);
  assertEquals(codesOf(expired(93_601, 500_000)), ["cleanup_overdue"]);
  assertEquals(codesOf(expired(93_601, 90_000)), ["backlog_growing"]);
});

Deno.test("assess() is overdue when the sessions of deleted users wait", () => {
  const erased = (seconds: number, success: number) => (facts: HealthFacts) => {
    facts.queue.erasedForSeconds = seconds;
    facts.runs.lastSuccessSeconds = success;
  };
  assertEquals(codesOf(erased(93_600, 500_000)), []);
  assertEquals(codesOf(erased(93_601, 500_000)), ["cleanup_overdue"]);
  assertEquals(codesOf(erased(93_601, 60)), ["backlog_growing"]);
  const facts = healthyFacts();
  erased(93_601, 60)(facts);
  assertEquals(assess(facts).reasons.map(({ message }) => message), [
    "Sessions of deleted users have been due for 26 hours although runs succeed",
  ]);
});

Deno.test("assess() does not say that runs succeed while none can", () => {
  const growing = (facts: HealthFacts) => {
    facts.queue.dueForSeconds = 3_901;
    facts.runs.lastSuccessSeconds = 60;
  };
  assertEquals(codesOf(growing), ["backlog_growing"]);
  const causes: Record<string, (facts: HealthFacts) => void> = {
    worker_unreachable: ({ runs }) => runs.lastCall && (runs.lastCall.problem = "http_401"),
    wrong_server: ({ runs }) => runs.lastCall && (runs.lastCall.problem = "wrong_server"),
    pg_net_off: ({ net }) => net.state = "off",
    vault_unreadable: ({ vault }) => vault.state = "unreadable",
  };
  for (const [code, cause] of Object.entries(causes)) {
    assertEquals(
      codesOf((facts) => {
        growing(facts);
        cause(facts);
      }),
      [code],
    );
  }
});

Deno.test("assess() blames no call, secret or job for what is switched off", () => {
  const off = codesOf((facts) => {
    facts.vault = { state: "off", projectUrl: null, secretKey: false, unusable: [] };
    facts.net.state = "off";
    facts.cron = "off";
    facts.jobs = [];
    if (facts.runs.lastCall !== null) facts.runs.lastCall.problem = "http_401";
  });
  assertEquals(off, ["vault_off", "pg_net_off", "pg_cron_off"]);
});

Deno.test("assess() tells what cannot be read from what is switched off", () => {
  const unreadable = codesOf((facts) => {
    facts.vault = { state: "unreadable", projectUrl: null, secretKey: false, unusable: [] };
    facts.net.state = "unreadable";
    facts.cron = "unreadable";
    facts.jobs = [];
    if (facts.runs.lastCall !== null) facts.runs.lastCall.problem = "http_401";
  });
  assertEquals(unreadable, ["vault_unreadable", "pg_net_unreadable", "pg_cron_unreadable"]);
});

Deno.test("assess() blames today's URL for no earlier call", () => {
  const facts = healthyFacts();
  if (facts.runs.lastCall !== null) facts.runs.lastCall.problem = "wrong_server";
  const [{ code, message } = {}] = assess(facts).reasons;
  assertEquals([code, message?.includes(String(facts.vault.projectUrl))], ["wrong_server", false]);
});

Deno.test("assess() says what pg_net waits for, and which schedule is odd", () => {
  const facts = healthyFacts();
  facts.net = { state: "ok", waiting: 3, unlimited: 1 };
  if (facts.runs.lastCall !== null) facts.runs.lastCall.problem = "not_sent";
  if (facts.jobs[3] !== undefined) {
    Object.assign(facts.jobs[3], { schedule: "5-1 * * * *", fault: "never" });
  }
  assertEquals(assess(facts).reasons.map(({ message }) => message), [
    'acontext-sessions-retry: "5-1 * * * *" never comes',
    "pg_net has not sent the last call of cleanup-sessions: 3 requests wait or are under way, 1 of them without a time limit",
  ]);
});

Deno.test("assess() reports the expiry limit only while as many sessions still expire", () => {
  const tripped = (expired: number) => (facts: HealthFacts) => {
    facts.runs.lastExpiry = "too_many_expiring";
    facts.queue.expired.count = expired;
    facts.queue.expiredForSeconds = 1_000_000;
    facts.runs.lastSuccessSeconds = 60;
  };
  assertEquals(codesOf(tripped(100)), ["too_many_expiring"]);
  assertEquals(codesOf(tripped(99)), ["backlog_growing"]);
});

Deno.test("assess() says whose sessions the expiry limit holds back", () => {
  const facts = healthyFacts();
  facts.runs.lastExpiry = "too_many_expiring";
  facts.queue.expired.count = 400;
  facts.runs.lastExpiryScope = "light";
  assertMatch(assess(facts).reasons[0]?.message ?? "", /^400 .+ few owners/);
  facts.runs.lastExpiryScope = "own";
  assertMatch(assess(facts).reasons[0]?.message ?? "", /^400 .+ ttl of their own$/);
});

Deno.test("assess() tells what is set aside, and calls it overdue after a day", () => {
  const aside = (seconds: number) => (facts: HealthFacts) => {
    facts.queue.setAside.count = 3;
    facts.queue.setAsideForSeconds = seconds;
    facts.runs.lastSuccessSeconds = 60;
  };
  assertEquals(codesOf(aside(93_600)), ["sessions_set_aside"]);
  assertEquals(codesOf(aside(93_601)), ["cleanup_overdue", "sessions_set_aside"]);
});

Deno.test("assess() tells a run that failed once from runs that fail one after the other", () => {
  const failed = (sweep: number, reconcile: number) => (facts: HealthFacts) => {
    facts.runs.lastFinished = "error";
    facts.runs.failedInARow = { sweep, reconcile };
  };
  assertEquals(codesOf(failed(1, 0)), ["run_failed"]);
  assertEquals(codesOf(failed(1, 1)), ["run_failed"]);
  assertEquals(codesOf(failed(2, 0)), ["runs_failing"]);
  assertEquals(codesOf(failed(0, 2)), ["runs_failing"]);
  const facts = healthyFacts();
  // A sweep that succeeded since says nothing about reconcile.
  facts.runs.failedInARow = { sweep: 0, reconcile: 3 };
  assertEquals(assess(facts).status, "failing");
  assertMatch(assess(facts).reasons[0]?.message ?? "", /the last 3 runs of reconcile$/);
});

Deno.test("assess() tells what reconcile could not read", () => {
  assertEquals(codesOf(({ reconcile }) => reconcile.skipped = 1), ["reconcile_skipped"]);
});

Deno.test("assess() calls overdue what a failing step has kept for longer than the schedule explains", () => {
  const failed = (problem: string | null, seconds: number) => (facts: HealthFacts) => {
    facts.runs.queueProblem = problem;
    facts.queue.expired.count = 5;
    facts.queue.expiredForSeconds = seconds;
    // Such runs count as successful: they work off what is in the queue.
    facts.runs.lastSuccessSeconds = 60;
  };
  assertEquals(codesOf(failed("expiry_failed: P0001", 93_600)), ["queueing_failed"]);
  for (const problem of ["expiry_failed: P0001", "restamp_failed: 22008", "queueing_failed"]) {
    assertEquals(codesOf(failed(problem, 93_601)), ["cleanup_overdue", "queueing_failed"]);
  }
  assertEquals(codesOf(failed(null, 93_601)), ["backlog_growing"]);
});

Deno.test("assess() does not blame for expired sessions what keeps others", () => {
  const codes = codesOf((facts) => {
    facts.runs.queueProblem = "stale_failed: P0001";
    facts.queue.expired.count = 5;
    facts.queue.expiredForSeconds = 93_601;
    facts.runs.lastSuccessSeconds = 60;
  });
  assertEquals(codes, ["queueing_failed", "backlog_growing"]);
});

Deno.test("assess() calls nothing overdue that is switched off", () => {
  const codes = codesOf((facts) => {
    facts.settings.cleanup_enabled = false;
    facts.queue.dueForSeconds = 1_000_000;
    facts.reconcile.quietForSeconds = 10_000_000;
  });
  assertEquals(codes, ["cleanup_disabled"]);
});

Deno.test("assess() gives each of the other reasons for its fact", () => {
  const changes: Record<string, (facts: HealthFacts) => void> = {
    vault_off: ({ vault }) => vault.state = "off",
    vault_unreadable: ({ vault }) => vault.state = "unreadable",
    pg_net_off: ({ net }) => net.state = "off",
    pg_net_unreadable: ({ net }) => net.state = "unreadable",
    pg_cron_off: (facts) => facts.cron = "off",
    pg_cron_unreadable: (facts) => facts.cron = "unreadable",
    unusable_url: ({ vault }) => vault.unusable = ["acontext_sessions_project_url"],
    unusable_key: ({ vault }) => vault.unusable = ["acontext_sessions_secret_key"],
    wrong_schedule: (facts) => facts.jobs[0] && (facts.jobs[0].fault = "only_at_start"),
    pg_net_blocked: ({ runs }) => runs.lastCall && (runs.lastCall.problem = "not_sent"),
    wrong_server: ({ runs }) => runs.lastCall && (runs.lastCall.problem = "wrong_server"),
    job_missing: (facts) => facts.jobs[0] && (facts.jobs[0].active = false),
    job_failing: (facts) => facts.jobs[0] && (facts.jobs[0].lastStatus = "failed"),
    worker_unreachable: ({ runs }) => runs.lastCall && (runs.lastCall.problem = "http_401"),
    acontext_unreachable: ({ runs }) => runs.lastFinished = "outage",
    run_failed: ({ runs }) => runs.lastFinished = "error",
    queueing_failed: ({ runs }) => runs.queueProblem = "expiry_failed: P0001",
    too_many_erased: ({ queue }) => queue.missingOwners.count = 11,
    too_many_unknown: ({ runs }) => runs.lastReconcile = "too_many_unknown",
    reconcile_overdue: (facts) => facts.reconcile.quietForSeconds = 2 * 691_200 + 1,
    unproven_resources: (facts) => facts.unproven.count = 1,
  };
  for (const [code, change] of Object.entries(changes)) assertEquals(codesOf(change), [code]);
});

Deno.test("docs/operations.md has a runbook for each reason, and for no other", async () => {
  const text = await Deno.readTextFile(RUNBOOKS);
  const runbooks = [...text.matchAll(/^### `(\w+)` \((failing|degraded)\)$/gm)];
  assertEquals(
    runbooks.map(([, code, severity]) => [code, severity]).toSorted(),
    Object.entries(HEALTH_REASONS).map(([code, { severity }]) => [code, severity]).toSorted(),
  );
});

Deno.test("every reason has a remedy of one line", () => {
  for (const { remedy } of Object.values(HEALTH_REASONS)) assertMatch(remedy, /^[^\n]{30,}[^.]$/);
});

/**
 * Assesses the facts: does the cleanup work, and if not, what should be done?
 *
 * @module
 */
import { type HealthFacts, STUCK_ATTEMPTS } from "./facts.ts";
import { HEALTH_REASONS, type ReasonCode } from "./reasons.ts";

export type HealthStatus = "ok" | "degraded" | "failing";

export interface HealthReason {
  code: ReasonCode;
  severity: "degraded" | "failing";
  /** What was seen. */
  message: string;
  remedy: string;
}

export interface Assessment {
  status: HealthStatus;
  /** Empty when all is well; the worst first. */
  reasons: HealthReason[];
}

/** Judges the facts. Deterministic: all times in the facts were measured by the database. */
export function assess(facts: HealthFacts): Assessment {
  const reasons = [...findings(facts)].map(([code, message]): HealthReason => ({
    code,
    message,
    ...HEALTH_REASONS[code],
  }));
  const failing = reasons.filter(({ severity }) => severity === "failing");
  // Runs that succeeded yesterday are no comfort while none can.
  const degraded = reasons.filter(({ code, severity }) =>
    severity === "degraded" && !(code === "backlog_growing" && failing.length > 0)
  );
  const status = failing.length > 0 ? "failing" : degraded.length > 0 ? "degraded" : "ok";
  return { status, reasons: [...failing, ...degraded] };
}

type Finding = [code: ReasonCode, message: string];

function* findings(facts: HealthFacts): Generator<Finding> {
  const { queue, runs, reconcile, pauses } = facts;
  const enabled = facts.settings.cleanup_enabled;
  yield* platform(facts);
  yield* configuration(facts);

  const { problem = null } = runs.lastCall ?? {};
  // Without pg_net there is no call, and what became of the last one does not matter.
  if (problem !== null && facts.net.state === "ok") yield callFinding(problem, facts);
  switch (runs.lastFinished) {
    case "outage":
      yield ["acontext_unreachable", "The last run stopped because Acontext did not answer it"];
      break;
    case "error":
      if (Math.max(runs.failedInARow.sweep, runs.failedInARow.reconcile) < 2) {
        yield ["run_failed", "The last run ended with an error"];
      }
  }
  const failing = Object.entries(runs.failedInARow).filter(([, times]) => times >= 2);
  if (failing.length > 0) {
    const what = failing.map(([task, times]) => `the last ${times} runs of ${task}`).join(" and ");
    yield ["runs_failing", `Runs end with an error, one after the other: ${what}`];
  }
  if (runs.queueProblem !== null) {
    yield [
      "queueing_failed",
      `The last run could not take up all that is due: ${runs.queueProblem}; what was in the queue is deleted all the same`,
    ];
  }
  if (enabled) yield* backlog(facts);
  if (queue.setAside.count > 0) {
    yield [
      "sessions_set_aside",
      `${
        number(queue.setAside)
      } sessions cannot be changed and are set aside, the first of them for ${
        duration(queue.setAsideForSeconds ?? 0)
      }; all others go on`,
    ];
  }
  if (queue.stuck.count > 0) {
    yield [
      "stuck_sessions",
      `${
        number(queue.stuck)
      } deletions have failed ${STUCK_ATTEMPTS} times or more and are still tried`,
    ];
  }
  // Since then the sessions may have been used, or a new session_ttl may have given them more time.
  if (
    runs.lastExpiry === "too_many_expiring" &&
    queue.expired.count >= facts.settings.max_expiry_minimum
  ) {
    yield [
      "too_many_expiring",
      runs.lastExpiryScope === "light"
        ? `${
          number(queue.expired)
        } sessions are past their expiry; those of few owners who have many of them are held back`
        : `${
          number(queue.expired)
        } sessions would expire at once; all are held back but those with a ttl of their own`,
    ];
  }
  if (queue.missingOwners.count > 0) {
    yield [
      "too_many_erased",
      `${
        number(queue.missingOwners)
      } owners of sessions are missing from auth.users, which are more than is plausible; their sessions are kept`,
    ];
  }
  if (runs.lastReconcile === "too_many_unknown") {
    yield ["too_many_unknown", "Reconcile found more unknown resources than is plausible"];
  }
  // Twice the pause, because a pass that an outage cuts short is made up for by the next.
  if (enabled && reconcile.quietForSeconds > 2 * pauses.reconcile) {
    yield [
      "reconcile_overdue",
      `No pass over Acontext's lists has ended for ${duration(reconcile.quietForSeconds)}`,
    ];
  }
  if (reconcile.skipped > 0) {
    yield [
      "reconcile_skipped",
      `Reconcile could not read ${reconcile.skipped} items of Acontext's lists and went on without them`,
    ];
  }
  if (facts.unproven.count > 0) {
    yield [
      "unproven_resources",
      `${number(facts.unproven)} deletions could not be proven by Acontext`,
    ];
  }
}

/** What the project has switched off or cannot read: nothing of ours is to blame. */
function* platform({ vault, net, cron }: HealthFacts): Generator<Finding> {
  if (vault.state === "off") yield ["vault_off", "Vault is switched off"];
  if (vault.state === "unreadable") {
    yield ["vault_unreadable", "What Vault has for the schedule cannot be read"];
  }
  if (net.state === "off") yield ["pg_net_off", "pg_net is switched off"];
  if (net.state === "unreadable") {
    yield ["pg_net_unreadable", "The tables of pg_net cannot be read"];
  }
  if (cron === "off") yield ["pg_cron_off", "pg_cron is switched off"];
  if (cron === "unreadable") {
    yield ["pg_cron_unreadable", "The tables of pg_cron cannot be read"];
  }
}

/** Which reason a call's problem is. */
export function callReason(problem: string): ReasonCode {
  switch (problem) {
    case "not_sent":
      return "pg_net_blocked";
    case "wrong_server":
      return "wrong_server";
    default:
      return "worker_unreachable";
  }
}

function callFinding(problem: string, { net }: HealthFacts): Finding {
  const code = callReason(problem);
  switch (code) {
    case "pg_net_blocked":
      return [
        code,
        `pg_net has not sent the last call of cleanup-sessions: ${net.waiting} requests wait or are under way, ${net.unlimited} of them without a time limit`,
      ];
    case "wrong_server":
      // The URL that Vault has now may be another.
      return [code, "What answered the last call is not cleanup-sessions"];
    default:
      return [code, `The last call of cleanup-sessions ended with ${problem}`];
  }
}

const PROJECT_URL = "acontext_sessions_project_url";
const SECRET_KEY = "acontext_sessions_secret_key";

const SCHEDULE_FAULTS = {
  never: "never comes",
  only_at_start: "comes only when the database starts",
  more_than_five_fields: "has more than five fields, and pg_cron reads five",
} as const;

function* configuration({ vault, jobs, settings }: HealthFacts): Generator<Finding> {
  if (vault.unusable.includes(PROJECT_URL)) {
    yield ["unusable_url", `${PROJECT_URL} in Vault cannot be used`];
  } else if (vault.projectUrl === null && vault.state === "ok") {
    yield ["not_configured", `Vault lacks ${PROJECT_URL}`];
  }
  if (vault.unusable.includes(SECRET_KEY)) {
    yield ["unusable_key", `${SECRET_KEY} in Vault cannot be used; calls are made without it`];
  }
  const odd = jobs.flatMap(({ name, schedule, fault }) =>
    fault === null
      ? []
      : [`acontext-sessions-${name}: "${schedule ?? ""}" ${SCHEDULE_FAULTS[fault]}`]
  );
  if (odd.length > 0) yield ["wrong_schedule", odd.join("; ")];
  const idle = jobs.filter(({ active }) => !active);
  if (idle.length > 0) {
    yield ["job_missing", `Missing or switched off: the cron jobs ${namesOf(idle)}`];
  }
  const failed = jobs.filter(({ active, lastStatus }) => active && lastStatus === "failed");
  if (failed.length > 0) {
    yield ["job_failing", `The last execution failed: the cron jobs ${namesOf(failed)}`];
  }
  if (!settings.cleanup_enabled) yield ["cleanup_disabled", "cleanup_enabled is false"];
}

const KEEPS_FROM_EXPIRING = /^(expiry|restamp|queueing)_failed/;

/** Work that has waited longer than the schedule explains, because no run succeeds or although they do. */
function* backlog({ queue, runs, pauses, settings }: HealthFacts): Generator<Finding> {
  // What the limit on mass expiry holds back waits for a person, and has a reason of its own.
  const expiryWaits = (queue.expiredForSeconds ?? 0) > pauses.cleanup &&
    !(runs.lastExpiry === "too_many_expiring" &&
      queue.expired.count >= settings.max_expiry_minimum);
  // Runs that succeed with all else are no comfort.
  if (expiryWaits && KEEPS_FROM_EXPIRING.test(runs.queueProblem ?? "")) {
    yield [
      "cleanup_overdue",
      `Sessions have been past their expiry for ${
        duration(queue.expiredForSeconds ?? 0)
      }, and runs cannot take them up: ${runs.queueProblem}`,
    ];
    return;
  }
  if ((queue.setAsideForSeconds ?? 0) > pauses.cleanup) {
    yield [
      "cleanup_overdue",
      `${number(queue.setAside)} sessions cannot be changed; the first has been set aside for ${
        duration(queue.setAsideForSeconds ?? 0)
      }`,
    ];
    return;
  }
  const waits: [what: string, waited: number | null, pause: number][] = [
    ["Deletions", queue.dueForSeconds, pauses.retry],
    ["Sessions of deleted users", queue.erasedForSeconds, pauses.cleanup],
    ["Deletions", expiryWaits ? queue.expiredForSeconds : null, pauses.cleanup],
  ];
  const overdue = waits.find(([, waited, pause]) => (waited ?? 0) > pause);
  if (overdue === undefined) return;
  const [what, waited, pause] = overdue;
  const due = `${what} have been due for ${duration(waited ?? 0)}`;
  const success = runs.lastSuccessSeconds;
  if (success === null || success > pause) {
    const last = success === null ? "never" : `${duration(success)} ago`;
    yield ["cleanup_overdue", `${due}; the last run that succeeded: ${last}`];
    return;
  }
  yield ["backlog_growing", `${due} although runs succeed`];
}

function namesOf(jobs: { name: string }[]): string {
  return jobs.map(({ name }) => `acontext-sessions-${name}`).join(", ");
}

function number({ count, estimated }: { count: number; estimated: boolean }): string {
  return estimated ? `About ${count}` : String(count);
}

function duration(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} minutes`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} hours`;
  return `${Math.floor(seconds / 86_400)} days`;
}

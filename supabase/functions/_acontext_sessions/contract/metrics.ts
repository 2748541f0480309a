/**
 * Health in the text format of Prometheus.
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 *
 * @module
 */
import type { Assessment, HealthStatus } from "../core/health/assess.ts";
import { type HealthFacts, STUCK_ATTEMPTS } from "../core/health/facts.ts";
import { HEALTH_REASONS } from "../core/health/reasons.ts";

export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

const PREFIX = "acontext_sessions_";
const LEVEL: Record<HealthStatus, number> = { ok: 0, degraded: 1, failing: 2 };

interface Sample {
  value: number;
  labels?: Record<string, string>;
}

/** What anyone may know. */
export function statusMetrics(status: HealthStatus): string {
  return gauge("status", "0 ok, 1 degraded, 2 failing", [{ value: LEVEL[status] }]);
}

/** What the holder of a secret key may know. A value that is not known has no line. */
export function healthMetrics({ status, reasons }: Assessment, facts: HealthFacts): string {
  const { queue, runs, reconcile } = facts;
  const found = new Set<string>(reasons.map(({ code }) => code));
  const single = (value: number | null): Sample[] => value === null ? [] : [{ value }];
  return [
    statusMetrics(status),
    gauge(
      "reason",
      "1 while health gives this reason",
      Object.keys(HEALTH_REASONS).map((reason) => ({
        value: found.has(reason) ? 1 : 0,
        labels: { reason },
      })),
    ),
    gauge(
      "sessions",
      "Sessions; above 10,000 an estimate",
      Object.entries(facts.sessions).map(([state, { count }]) => ({
        value: count,
        labels: { status: state },
      })),
    ),
    gauge("queue_entries", "Deletions that wait", single(queue.entries.count)),
    gauge("queue_due", "Deletions that are due", single(queue.due.count)),
    gauge(
      "queue_stuck",
      `Deletions that failed ${STUCK_ATTEMPTS} times or more`,
      single(queue.stuck.count),
    ),
    gauge(
      "set_aside",
      "Sessions that cannot be changed and are tried again later",
      single(queue.setAside.count),
    ),
    gauge(
      "queue_due_seconds",
      "How long the oldest due deletion has been due",
      single(queue.dueForSeconds ?? 0),
    ),
    gauge(
      "repeated_deletes",
      "Deletes of the last seven days that were sent although an earlier one may have had an effect",
      single(queue.repeatedDeletes),
    ),
    gauge("queue_oldest_seconds", "Age of the oldest deletion", single(queue.oldestSeconds ?? 0)),
    gauge("expired", "Active sessions past their expiry", single(queue.expired.count)),
    gauge(
      "expired_seconds",
      "How long the oldest expired session has been expired",
      single(queue.expiredForSeconds ?? 0),
    ),
    gauge(
      "last_success_seconds",
      "Since the last run that succeeded",
      single(runs.lastSuccessSeconds),
    ),
    gauge(
      "reconcile_quiet_seconds",
      "Since the last pass over Acontext's lists ended",
      single(reconcile.quietForSeconds),
    ),
    gauge("unproven", "Receipts without a proof", single(facts.unproven.count)),
    gauge(
      "job_active",
      "1 when the cron job is there and active",
      facts.jobs.map(({ name, active }) => ({ value: active ? 1 : 0, labels: { job: name } })),
    ),
  ].join("");
}

function gauge(name: string, help: string, samples: Sample[]): string {
  if (samples.length === 0) return "";
  const lines = samples.map(({ value, labels = {} }) => {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}=${JSON.stringify(text)}`);
    return `${PREFIX}${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
  });
  return [
    `# HELP ${PREFIX}${name} ${help}`,
    `# TYPE ${PREFIX}${name} gauge`,
    ...lines,
    "",
  ].join("\n");
}

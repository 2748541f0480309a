import type { z } from "zod";
import { healthReport } from "../../supabase/functions/_acontext_sessions/contract/health.ts";
import { type Command, EXIT } from "../command.ts";
import { shortDuration, table } from "../output.ts";
import { runTable } from "../runs.ts";

type Health = z.infer<typeof healthReport>;

/** The status and what led to it. The exit code is the status. */
export const health: Command = async ({ api, output }) => {
  const answer = await api.invoke("session-health", healthReport);
  output.result(answer, () => describe(answer));
  return EXIT[answer.status];
};

function describe(health: Health): string[] {
  const { sessions, queue, runs, reconcile, jobs, unproven } = health;
  return [
    `status ${health.status}, namespace ${health.namespace}`,
    ...health.reasons.flatMap(({ code, severity, message, remedy }) => [
      "",
      `${severity}: ${code}`,
      `  ${message}`,
      `  → ${remedy}`,
    ]),
    "",
    ...table(["", "", "oldest"], [
      ["sessions active", number(sessions.active), null],
      ["sessions being made", number(sessions.provisioning), null],
      ["sessions expired, not yet deleted", number(queue.expired), age(queue.expiredForSeconds)],
      ["deletions queued", number(queue.entries), age(queue.oldestSeconds)],
      ["deletions due", number(queue.due), age(queue.dueForSeconds)],
      ["deletions stuck", number(queue.stuck), null],
      ["deletions unproven", number(unproven), null],
      ["deletes repeated in 7 days", String(queue.repeatedDeletes), null],
      ["last successful run", null, age(runs.lastSuccessSeconds)],
      [
        "last pass of reconcile",
        null,
        reconcile.finishedAt === null ? "never" : age(reconcile.quietForSeconds),
      ],
    ]),
    "",
    ...table(
      ["job", "schedule (GMT)", "active", "last"],
      jobs.map(({ name, schedule, active, lastStatus }) => [
        name,
        schedule,
        active ? "yes" : "no",
        lastStatus,
      ]),
    ),
    "",
    ...(runs.recent.length === 0 ? ["No run yet"] : runTable(runs.recent)),
  ];
}

function number({ count, estimated }: { count: number; estimated: boolean }): string {
  return estimated ? `~${count}` : String(count);
}

function age(seconds: number | null): string | null {
  return shortDuration(seconds);
}

/** Whether the operator's side still works: sweeps, reconcile, health, a new lifetime, the purge, and an end without a rest. @module */

import { z } from "zod";
import type { Database } from "../integration/support/database.ts";
import { createCalls, sessionOf } from "../integration/support/functions.ts";
import { createInBulk } from "../integration/support/bulk.ts";
import { findLeaks, ours, type Remote } from "../integration/support/remote.ts";
import { createUsers } from "../integration/support/users.ts";
import type { StackInfo } from "../support/stack_info.ts";
import { createRuns, SWEPT } from "./runs.ts";

const healthSchema = z.looseObject({
  status: z.string(),
  reasons: z.array(z.looseObject({ code: z.string(), severity: z.string() })),
});
/** As a new project has them. */
const DEFAULTS = {
  session_ttl: "30 days",
  deletion_grace: "0",
  log_retention: "90 days",
  touch_granularity: "1 minute",
  provisioning_timeout: "10 minutes",
  orphan_grace: "1 hour",
  max_per_run: 2000,
  max_expiry_minimum: 100,
  disable_task_tracking: false,
};

/** With this many more than all others have, more than the limit on mass expiry lets go. */
const HOARD = 110;

export function createOperation(
  info: StackInfo,
  { database, remote }: { database: Database; remote: Remote },
) {
  const { sql } = database;
  const { call, cleanup, create } = createCalls(info);
  const { rowsOf, quiet, configure, judged, sweeps } = createRuns(info, database);

  /** As a minute from now: what was written just now is not deleted yet. */
  const sweepAll = () => database.later("1 minute", () => sweeps());

  async function health(): Promise<string[]> {
    await database.quietSchedule();
    const answer = await call("session-health", "", { headers: { apikey: info.secretKey } });
    await database.silenceJobs();
    const { data } = healthSchema.safeParse(answer.body);
    if (data === undefined) return [`health: ${answer.status} ${JSON.stringify(answer.body)}`];
    const failed = await sql<{ text: string }[]>`
      select q::text as text from acontext_sessions.deletion_queue as q where q.attempts > 0`;
    const reasons = data.reasons.map((reason) => JSON.stringify(reason));
    return reasons.length === 0 ? [] : [...reasons, ...failed.map(({ text }) => text)];
  }

  return {
    quiet,
    configure,
    /** The defaults, but without what one user may have and do: here are few users, and they do much. */
    async reset(): Promise<void> {
      const limits = await sql<{ name: string }[]>`
        select attname as name from pg_attribute
        where attrelid = 'acontext_sessions.settings'::regclass and attnum > 0 and not attnotnull and not attisdropped`;
      await configure({
        ...DEFAULTS,
        ...Object.fromEntries(limits.map(({ name }) => [name, null])),
      });
    },

    /**
     * Somebody's session that is overdue goes, and nobody has to force it: whatever others have written, and although one user
     * has let most sessions that there are end at once, by lifetimes of their own or by the project's.
     */
    async expiresOthers(): Promise<string[]> {
      const { newUser } = createUsers(info);
      const problems: string[] = [];
      for (const ttl of ["1 hour", null]) {
        const count = await database.rowCount() + HOARD;
        const hoarder = await createInBulk({ database, remote, newUser }, { count, daysAgo: 40 });
        await sql`update public.session_mappings set ttl = ${ttl} where user_id = ${hoarder.id}`;
        const { id } = sessionOf(await create(await newUser()));
        await sql`
          update public.session_mappings set last_activity_at = acontext_sessions.clock() - interval '40 days'
          where id = ${id}`;
        const held = ["too_many_expiring"];
        const seen = await cleanup({ dryRun: true });
        problems.push(...judged("sweep, dry", seen, ttl === null ? held : ["dry_run"]));
        const swept = await database.later("1 minute", () => cleanup());
        problems.push(...judged("sweep", swept, ttl === null ? held : SWEPT));
        if (await database.statusOf(id) !== null) {
          problems.push(`the overdue session of another user, ${id}, stays`);
        }
        // What one user has too much of is looked at before it goes.
        problems.push(...await database.later("1 minute", () => sweeps({ force: ttl === null })));
      }
      return problems;
    },

    /** A new lifetime reaches every session that has none of its own. */
    async restamps(): Promise<string[]> {
      await configure({ session_ttl: "200 days" });
      const problems = await sweepAll();
      const late = await sql<{ id: string; expires_at: string }[]>`
        select s.id, s.expires_at::text from public.session_mappings as s
        where not s.pinned and s.ttl is null and s.status <> 'deleting'
          and s.expires_at is distinct from s.last_activity_at + interval '200 days'`;
      for (const row of late) {
        problems.push(`the new lifetime does not reach ${row.id}: ${row.expires_at}`);
      }
      const [state] =
        await sql`select 1 from acontext_sessions.restamp_state where after_id is not null`;
      if (state !== undefined) problems.push("the restamp has not ended");
      await configure({ session_ttl: "30 days" });
      return problems;
    },

    async reconciles(): Promise<string[]> {
      const stops = ["complete", "dry_run"];
      return [
        ...judged("reconcile, dry", await cleanup({ task: "reconcile", dryRun: true }), stops),
        ...judged("reconcile", await cleanup({ task: "reconcile" }), stops),
      ];
    },

    health,

    /** Runs that ended as none should. */
    async failedRuns(): Promise<string[]> {
      const runs = await sql<{ text: string }[]>`
        select r::text as text from acontext_sessions.runs as r
        where r.stop_reason in ('error', 'queueing_failed')`;
      return runs.map(({ text }) => text);
    },

    /** Receipts and runs go when their time is over. */
    async purges(): Promise<string[]> {
      return await database.later("100 days", async () => {
        const problems = [
          ...judged("reconcile, later", await cleanup({ task: "reconcile" }), ["complete"]),
        ];
        problems.push(...await sweeps({ force: true }));
        await sql`select acontext_sessions.purge_history()`;
        const [left] = await sql<{ count: number }[]>`
          select count(*)::integer as count from acontext_sessions.deletion_log
          where finished_at < acontext_sessions.clock() - interval '91 days'`;
        if (left?.count !== 0) problems.push(`${left?.count} receipts are kept for ever`);
        return problems;
      });
    },

    /** When all users are erased, nothing is left anywhere. */
    async drains(): Promise<string[]> {
      await sql`delete from auth.users where true`;
      const problems = await database.later("2 days", async () => {
        await database.endLeases();
        return await sweeps();
      });
      const left = [
        ...await rowsOf("public.session_mappings"),
        ...await rowsOf("acontext_sessions.deletion_queue"),
      ];
      problems.push(...left.map((text) => `left: ${text}`));
      const { sessions, disks } = ours(await remote.audit());
      if (sessions.length + disks.length > 0) {
        problems.push(`in Acontext are left ${sessions.length} sessions and ${disks.length} disks`);
      }
      problems.push(...await findLeaks(database, remote));
      return problems;
    },
  };
}

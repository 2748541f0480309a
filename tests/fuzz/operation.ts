/** Whether the operator's side still works: sweeps, reconcile, health, a new lifetime, the purge, and an end without a rest. @module */

import { z } from "zod";
import type { Database } from "../integration/support/database.ts";
import {
  type Answer,
  type CleanupBody,
  createCalls,
  sessionOf,
} from "../integration/support/functions.ts";
import { createInBulk } from "../integration/support/bulk.ts";
import { findLeaks, ours, type Remote } from "../integration/support/remote.ts";
import { createUsers } from "../integration/support/users.ts";
import { eventually } from "../support/eventually.ts";
import type { StackInfo } from "../support/stack_info.ts";

const healthSchema = z.looseObject({
  status: z.string(),
  reasons: z.array(z.looseObject({ code: z.string(), severity: z.string() })),
});
const reportSchema = z.looseObject({ stopReason: z.string(), remaining: z.int().optional() });

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

/** How a sweep may end that has not done all. */
const SWEPT = ["empty", "limit", "time_budget", "busy"];
const MOST_SWEEPS = 20;
/** With this many more than all others have, more than the limit on mass expiry lets go. */
const HOARD = 110;

export function createOperation(
  info: StackInfo,
  { database, remote }: { database: Database; remote: Remote },
) {
  const { sql } = database;
  const { call, cleanup, create } = createCalls(info);

  /** All rows of a table, as text. */
  async function rowsOf(table: string): Promise<string[]> {
    const rows = await sql<{ text: string }[]>`select t::text as text from ${sql(table)} as t`;
    return rows.map(({ text }) => text.slice(0, 500));
  }

  /** Ends what runs called each other for, and stops the schedule again. */
  async function quiet(): Promise<void> {
    await database.silenceJobs();
    await eventually("no run is under way", async () => {
      const [found] = await sql`select 1 from acontext_sessions.runs where status <> 'finished'`;
      return found === undefined;
    }, 60_000);
  }

  async function configure(
    changes: Record<string, string | number | boolean | null>,
  ): Promise<void> {
    await database.configure(changes);
    await database.silenceJobs();
  }

  function judged(what: string, { status, body }: Answer, stops: string[]): string[] {
    const { data } = reportSchema.safeParse(body);
    if (status === 200 && data !== undefined && stops.includes(data.stopReason)) return [];
    return [`${what}: ${status} ${JSON.stringify(body)}`];
  }

  /** Sweeps until nothing is due; each has to end well. */
  async function sweeps(body: CleanupBody = {}): Promise<string[]> {
    for (let sweep = 1; sweep <= MOST_SWEEPS; sweep++) {
      await database.makeDue();
      const answer = await cleanup(body);
      const problems = judged("sweep", answer, SWEPT);
      if (problems.length > 0) return problems;
      if (reportSchema.parse(answer.body).remaining === 0) return [];
    }
    const left = await rowsOf("acontext_sessions.deletion_queue");
    return left.map((text) => `left after ${MOST_SWEEPS} sweeps: ${text}`);
  }

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
     * has let most sessions that there are end at once.
     */
    async expiresOthers(): Promise<string[]> {
      const { newUser } = createUsers(info);
      const count = await database.rowCount() + HOARD;
      const hoarder = await createInBulk({ database, remote, newUser }, { count, daysAgo: 1 });
      await sql`update public.session_mappings set ttl = interval '1 hour' where user_id = ${hoarder.id}`;
      const victim = await newUser();
      const { id } = sessionOf(await create(victim));
      await sql`
        update public.session_mappings set last_activity_at = acontext_sessions.clock() - interval '40 days'
        where id = ${id}`;
      const problems = judged("sweep, dry", await cleanup({ dryRun: true }), ["dry_run"]);
      problems.push(...await sweepAll());
      if (await database.statusOf(id) !== null) {
        problems.push(`the overdue session of another user, ${id}, stays`);
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

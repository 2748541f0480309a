/** Sweeps and reconciles of the operator, and what has to be true of each. @module */

import { z } from "zod";
import type { Database } from "../integration/support/database.ts";
import { type Answer, type CleanupBody, createCalls } from "../integration/support/functions.ts";
import { eventually } from "../support/eventually.ts";
import type { StackInfo } from "../support/stack_info.ts";

const reportSchema = z.looseObject({ stopReason: z.string(), remaining: z.int().optional() });

/** How a sweep may end that has not done all. */
export const SWEPT = ["empty", "limit", "time_budget", "busy"];
const MOST_SWEEPS = 20;

export function createRuns(info: StackInfo, database: Database) {
  const { sql } = database;
  const { cleanup } = createCalls(info);

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

  return { rowsOf, quiet, configure, judged, sweeps };
}

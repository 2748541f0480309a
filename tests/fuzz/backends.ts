/**
 * What the server's processes use. Memory is limited by the stack (`memoryKiB`), so that an excess is an error in the log.
 * Time is that of the processor, read from /proc: a machine that is busy with something else makes no statement slow.
 *
 * @module
 */

import postgres from "postgres";
import { join } from "@std/path/mod.js";
import type { StackInfo } from "../support/stack_info.ts";

/** What one process of the server may have for itself. */
export const MEMORY_KIB = 100 * 1024;
export const LONGEST_CPU_MS = 1_000;

/** Log lines with the SQLSTATE of each, and statements that took a second by the clock, for people to look at. */
export const SERVER = {
  memoryKiB: MEMORY_KIB,
  settings: { log_line_prefix: "%m [%p] %e %q%u ", log_min_duration_statement: "1000" },
};

/** Linux counts processor time in these. */
const TICK_MS = 10;
const PAUSE_MS = 100;

interface Busy {
  pid: number;
  started: string;
  query: string;
}

export interface Usage {
  /** The statement that took the most processor time. */
  slowest: { ms: number; query: string };
  /** The most private memory of one process. */
  peakKiB: number;
}

/** Watches the server until `stop`. */
export function watchBackends({ adminDatabaseUrl }: StackInfo): { stop(): Promise<Usage> } {
  const sql = postgres(adminDatabaseUrl, { max: 1, onnotice: () => {} });
  const usage: Usage = { slowest: { ms: 0, query: "" }, peakKiB: 0 };
  /** Processor time of each process when its statement had not begun. */
  const before = new Map<number, { started: string; ms: number; last: number }>();
  let watching = true;

  async function look(): Promise<void> {
    const busy = await sql<Busy[]>`
      select pid, coalesce(query_start::text, '') as started, left(query, 300) as query
      from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'`;
    for (const { pid, started, query } of busy) {
      const [ms, memory] = await Promise.all([processorTime(pid), privateMemory(pid)]);
      if (ms === null) continue;
      usage.peakKiB = Math.max(usage.peakKiB, memory);
      const known = before.get(pid);
      const since = known === undefined ? ms : known.started === started ? known.ms : known.last;
      before.set(pid, { started, ms: since, last: ms });
      if (ms - since > usage.slowest.ms) usage.slowest = { ms: ms - since, query };
    }
  }

  const watched = (async () => {
    while (watching) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  })();
  return {
    async stop() {
      watching = false;
      await watched;
      await sql.end({ timeout: 1 });
      return usage;
    },
  };
}

async function processorTime(pid: number): Promise<number | null> {
  try {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
    // Behind the name, which is in parentheses, utime and stime are the 12th and the 13th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return null;
  }
}

async function privateMemory(pid: number): Promise<number> {
  try {
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    return Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** The server's log since `from`, by what it says: how often each SQLSTATE, and statements of a second and more. */
export async function readServerLog({ logsDir }: StackInfo, from = 0) {
  const text = (await Deno.readTextFile(join(logsDir, "postgres.log"))).slice(from);
  const states = new Map<string, number>();
  const durations: number[] = [];
  const grave: string[] = [];
  for (const line of text.split("\n")) {
    const [, state, level, message] =
      /\[\d+\] (\w{5}) (?:\S+ )?(ERROR|FATAL|PANIC|LOG): +(.*)/.exec(line) ?? [];
    if (state === undefined || message === undefined) continue;
    const ms = /^duration: ([\d.]+) ms/.exec(message)?.[1];
    if (ms !== undefined) durations.push(Number(ms));
    if (level === "LOG") continue;
    states.set(state, (states.get(state) ?? 0) + 1);
    // Out of memory or of another resource, a server that ends, and what PostgreSQL calls an internal error.
    if (/^(53|XX)/.test(state) || level === "PANIC") {
      grave.push(`${state} ${message.slice(0, 300)}`);
    }
  }
  return { states, durations, grave, length: text.length + from };
}

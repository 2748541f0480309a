/** The processes of a stack, and their CPU time. Linux only, because it reads `/proc`. @module */

import { cpuMs } from "../cpu_time.ts";

/** A part of the stack. `gateway` is this process: it plays the gateway and Supabase Auth. */
export const PARTS = [
  "clients",
  "gateway",
  "functions",
  "PostgREST",
  "PostgreSQL",
  "Acontext",
] as const;
export type Part = typeof PARTS[number];

/** Milliseconds of CPU for each part. */
export type PartTimes = Record<Part, number>;

interface Stat {
  pid: number;
  name: string;
  parent: number;
}

/** Reads the CPU time of each part so far; processes may come and go between two readings. */
export function createPartClock(
  { clients, functions }: { clients: number; functions: () => number[] },
): () => PartTimes {
  return () => {
    const all = readStats();
    const ours = all.filter(({ parent }) => parent === Deno.pid);
    const sum = (pids: number[]) => pids.reduce((ms, pid) => ms + cpuOf(pid), 0);
    const named = (name: string) => ours.filter((stat) => stat.name === name).map(({ pid }) => pid);
    const postmasters = named("postgres");
    const backends = all.filter(({ parent }) => postmasters.includes(parent)).map(({ pid }) => pid);
    return {
      clients: cpuOf(clients),
      gateway: cpuOf(Deno.pid),
      functions: sum(functions()),
      PostgREST: sum(named("postgrest")),
      PostgreSQL: sum([...postmasters, ...backends]),
      Acontext: sum(ours.filter(({ pid }) => isAcontext(pid)).map(({ pid }) => pid)),
    };
  };
}

/** The difference of two readings. */
export function spent(before: PartTimes, after: PartTimes): PartTimes {
  const difference = (part: Part) => Math.max(0, after[part] - before[part]);
  return {
    clients: difference("clients"),
    gateway: difference("gateway"),
    functions: difference("functions"),
    PostgREST: difference("PostgREST"),
    PostgreSQL: difference("PostgreSQL"),
    Acontext: difference("Acontext"),
  };
}

function readStats(): Stat[] {
  const stats: Stat[] = [];
  for (const { name: folder } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(folder)) continue;
    const text = readOrNull(`/proc/${folder}/stat`);
    const found = text === null ? null : /^(\d+) \((.*)\) \S (\d+) /s.exec(text);
    if (found?.[2] === undefined) continue;
    stats.push({ pid: Number(found[1]), name: found[2], parent: Number(found[3]) });
  }
  return stats;
}

function isAcontext(pid: number): boolean {
  return readOrNull(`/proc/${pid}/cmdline`)?.includes("local/acontext/main.ts") ?? false;
}

function cpuOf(pid: number): number {
  try {
    return cpuMs(pid);
  } catch {
    // It has ended.
    return 0;
  }
}

function readOrNull(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return null;
  }
}

/**
 * Runs a suite in a process of its own, shows its output and counts its tests.
 *
 * @module
 */

import { TextLineStream } from "@std/streams/mod.js";
import { join } from "@std/path/mod.js";
import postgres from "postgres";
import { ROOT } from "../../local/paths.ts";
import { excerptOf } from "./excerpt.ts";
import type { TestStack } from "./test_stack.ts";

export interface Counts {
  passed: number;
  failed: number;
  /** What could not be tested on this machine. */
  leftOut: string[];
  /** What has to be read of the output; empty where nothing failed. */
  excerpt: string[];
}

/** The counts of two runs of one suite. */
export function sum(one: Counts, two: Counts): Counts {
  return {
    passed: one.passed + two.passed,
    failed: one.failed + two.failed,
    leftOut: [...one.leftOut, ...two.leftOut],
    excerpt: [...one.excerpt, ...two.excerpt],
  };
}

/** Runs Deno tests; `file` is the stack they run against, `record` the file of the answers that they meet. */
export async function runDenoTests(
  paths: string[],
  { file, record }: { file?: string; record?: string } = {},
): Promise<Counts> {
  let counts: { passed: number; failed: number } | null = null;
  const leftOut: string[] = [];
  const output = await runShown(Deno.execPath(), {
    // Types are checked by `npm run check`.
    args: ["test", "--allow-all", "--no-check", "--cached-only", ...paths],
    env: {
      NO_COLOR: "1",
      ...(file === undefined ? {} : { TEST_STACK_FILE: file }),
      ...(record === undefined ? {} : { TEST_RECORD_FILE: record }),
    },
    onLine(line) {
      const summary = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed/.exec(line);
      if (summary) counts = { passed: Number(summary[1]), failed: Number(summary[2]) };
      const part = /^left out: (.+)$/.exec(line)?.[1] ??
        /^(.+) \.\.\. ignored \(/.exec(line)?.[1];
      if (part !== undefined) leftOut.push(part);
    },
  });
  return withVerdict(counts, output, leftOut);
}

/** What the pgTAP tests use. Only the superuser may install it, and the tests have no other use for one. */
export async function installPgTap({ adminDatabaseUrl }: TestStack): Promise<void> {
  const admin = postgres(adminDatabaseUrl, { max: 1, onnotice: () => {} });
  await admin`create extension if not exists pgtap with schema extensions`;
  await admin`create extension if not exists plpgsql_check with schema extensions`;
  await admin.end({ timeout: 1 });
}

/** Runs supabase/tests with pg_prove, as the role that owns the project's objects. */
export async function runPgTap(stack: TestStack): Promise<Counts> {
  await installPgTap(stack);
  const counts = { passed: 0, failed: 0 };
  const output = await runShown("pg_prove", {
    args: ["--verbose", "--recurse", "--ext", ".sql", join(ROOT, "supabase", "tests")],
    env: connectionEnvironment(stack.databaseUrl),
    onLine(line) {
      if (/^ok \d/.test(line)) counts.passed += 1;
      if (/^not ok \d/.test(line)) counts.failed += 1;
    },
  });
  return withVerdict(counts.passed + counts.failed === 0 ? null : counts, output);
}

/** What libpq reads. pg_prove takes a URL as `--dbname`, but none with an `=` in it. */
export function connectionEnvironment(databaseUrl: string): Record<string, string> {
  const { hostname, port, username, password, pathname } = new URL(databaseUrl);
  return {
    PGHOST: hostname,
    PGPORT: port,
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: pathname.slice(1),
  };
}

/** Runs every benchmark small: each that did its work counts as passed, whatever time it took. */
export async function runBenchmarks(): Promise<Counts | string> {
  if (Deno.build.os !== "linux") return "they read CPU time and memory from /proc";
  const counts = { passed: 0, failed: 0 };
  const output = await runShown(Deno.execPath(), {
    args: [
      ...["run", "--allow-all", "--no-check", "--cached-only"],
      ...[join(ROOT, "bench", "main.ts"), "--quick"],
    ],
    env: { NO_COLOR: "1" },
    onLine(line) {
      if (/^ok \w+ \(/.test(line)) counts.passed += 1;
      if (/^FAIL \w+$/.test(line)) counts.failed += 1;
    },
  });
  return withVerdict(counts.passed + counts.failed === 0 ? null : counts, output);
}

/** A suite that broke, or ran nothing, failed, whatever it counted. */
function withVerdict(
  counts: { passed: number; failed: number } | null,
  { success, lines }: Output,
  leftOut: string[] = [],
): Counts {
  const { passed, failed } = counts ?? { passed: 0, failed: 1 };
  const judged = { passed, failed: success ? failed : Math.max(failed, 1), leftOut };
  return { ...judged, excerpt: judged.failed > 0 ? excerptOf(lines) : [] };
}

interface Output {
  success: boolean;
  lines: string[];
}

async function runShown(
  command: string,
  { args, env, onLine }: {
    args: string[];
    env: Record<string, string>;
    onLine: (line: string) => void;
  },
): Promise<Output> {
  const child = new Deno.Command(command, {
    args,
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const stream: ReadableStream<string> = child.stdout
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  const lines: string[] = [];
  for await (const line of stream) {
    console.log(line);
    onLine(line);
    lines.push(line);
  }
  return { success: (await child.status).success, lines };
}

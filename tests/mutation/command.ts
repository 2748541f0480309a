/** Runs a suite on a mutant. @module */

import { ROOT } from "../../local/paths.ts";
import { interrupted } from "./interrupted.ts";

/** Far beyond what the suites need: a mutant that goes round in circles is caught by it. */
const LIMIT_MS = 240_000;

export interface Run {
  args: string[];
  env?: Record<string, string>;
  cwd?: string;
}

/** True when it succeeded, within the time. */
export async function succeeds(program: string, run: Run): Promise<boolean> {
  return (await outputOf(program, run)).success;
}

/** What it printed, to say why something failed that should not have. */
export async function outputOf(
  program: string,
  { args, env = {}, cwd = ROOT }: Run,
): Promise<{ success: boolean; text: string }> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    signal: AbortSignal.any([AbortSignal.timeout(LIMIT_MS), interrupted]),
  }).output();
  const decoder = new TextDecoder();
  return { success, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Runs Deno tests until one fails. Types are checked by a suite of its own. */
export function denoTests(paths: readonly string[], run: Omit<Run, "args"> = {}): Promise<boolean> {
  return succeeds(Deno.execPath(), {
    args: ["test", "--allow-all", "--no-check", "--cached-only", "--fail-fast", ...paths],
    ...run,
  });
}

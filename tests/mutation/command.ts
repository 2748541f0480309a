/** Runs a suite on a mutant. @module */

import { ROOT } from "../../local/paths.ts";
import { interrupted } from "../support/cleaned_up.ts";

/** Far beyond what a suite needs: a mutant that goes round in circles is caught by it. */
const LIMIT_MS = 240_000;

export interface Run {
  args: string[];
  env?: Record<string, string>;
  cwd?: string;
  /** Default: four minutes. */
  limitMs?: number;
}

export interface Outcome {
  success: boolean;
  /** What it printed, to say why something failed that should not have. */
  text: string;
}

/** A suite did not end. That counts as noticed, but is told apart: the machine may have been busy. */
export class OutOfTime extends Error {}

/** @throws {OutOfTime} */
export async function outputOf(
  program: string,
  { args, env = {}, cwd = ROOT, limitMs = LIMIT_MS }: Run,
): Promise<Outcome> {
  const limit = AbortSignal.timeout(limitMs);
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    cwd,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    signal: AbortSignal.any([limit, interrupted]),
  }).output();
  if (!success && limit.aborted) throw new OutOfTime(`Cannot wait for ${program} any longer`);
  const decoder = new TextDecoder();
  return { success, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** The suite that notices first, or `time` when one does not end. */
export async function suiteOrTime(
  firstToNotice: () => Promise<string | null>,
): Promise<string | null> {
  try {
    return await firstToNotice();
  } catch (error) {
    if (error instanceof OutOfTime) return "time";
    throw error;
  }
}

/** Runs Deno tests until one fails, after a module that prepares them. Types are checked by a suite of its own. */
export function denoTests(
  paths: readonly string[],
  { preload, ...run }: Omit<Run, "args"> & { preload?: string } = {},
): Promise<Outcome> {
  return outputOf(Deno.execPath(), {
    args: [
      ...["test", "--allow-all", "--no-check", "--cached-only", "--fail-fast"],
      ...(preload === undefined ? [] : ["--preload", preload]),
      ...paths,
    ],
    ...run,
  });
}

/** The command line. @module */

import { parseArgs } from "node:util";
import { DEFAULT_COMMANDS } from "./search.ts";

export interface Options {
  runs: number;
  seed: number;
  /** Commands in a run, at most. */
  steps: number;
  mutants: boolean;
  /** Try only the mutants whose name contains this. */
  only: string | null;
  /** Run one seed, as a failure names it, and print its story. */
  replay: number | null;
}

export const USAGE = `Usage: npm run simulate -- [--runs N] [--seed S] [--steps M]
       npm run simulate -- --replay RUN_SEED [--steps M]
       npm run simulate -- --mutants [--only TEXT] [--runs N] [--seed S]`;

const TEXT = { type: "string" } as const;

/** @throws {RangeError} for an option that is unknown or no whole number. */
export function readOptions(args: string[]): Options {
  const { runs, seed, steps, mutants, only, replay } = parse(args);
  return {
    runs: toNumber("runs", runs) ?? (mutants ? 1000 : 200),
    seed: toNumber("seed", seed) ?? 1,
    steps: toNumber("steps", steps) ?? DEFAULT_COMMANDS,
    mutants: mutants ?? false,
    only: only ?? null,
    replay: toNumber("replay", replay),
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        runs: TEXT,
        seed: TEXT,
        steps: TEXT,
        only: TEXT,
        replay: TEXT,
        mutants: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new RangeError(error instanceof Error ? error.message : "Cannot read the options");
  }
}

function toNumber(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^\d+$/.test(text)) throw new RangeError(`Cannot read "--${name} ${text}": no whole number`);
  return Number(text);
}

/** The command line. @module */

import { parseArgs } from "node:util";

export interface Options {
  /** Mutate the core's TypeScript. */
  core: boolean;
  /** Mutate the functions of the database. */
  sql: boolean;
  /** Only what is in files that match, relative to the project's root. */
  files: string | null;
  /** Mutants of each kind, at most; null: all. */
  sample: number | null;
  seed: number;
  /** Only the survivors of the recorded run that have no reason: to see what new tests notice. */
  again: boolean;
  /** Without the integration suite, which takes minutes for each survivor. */
  quick: boolean;
  /** Record the results, and write the page. */
  write: boolean;
}

export const USAGE =
  "Usage: npm run mutate -- [--core|--sql] [--files GLOB] [--sample N] [--seed S] [--quick] [--write]\n" +
  "       npm run mutate -- [--core|--sql] --again [--quick] [--write]";

/** @throws {RangeError} for an option that is unknown, no whole number, or without a meaning beside another. */
export function readOptions(args: string[]): Options {
  const { core = false, sql = false, files, sample, seed, ...flags } = parse(args);
  const { again = false, quick = false, write = false } = flags;
  if (again && [files, sample, seed].some((option) => option !== undefined)) {
    throw new RangeError("Cannot draw mutants: --again takes those of the recorded run");
  }
  return {
    core: core || !sql,
    sql: sql || !core,
    files: files ?? null,
    sample: toNumber("sample", sample),
    seed: toNumber("seed", seed) ?? 1,
    again,
    quick,
    write,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        core: { type: "boolean" },
        sql: { type: "boolean" },
        files: { type: "string" },
        sample: { type: "string" },
        seed: { type: "string" },
        again: { type: "boolean" },
        quick: { type: "boolean" },
        write: { type: "boolean" },
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

/** The command line. @module */

import { parseArgs } from "node:util";
import type { Scale } from "./benchmark.ts";

export interface Options {
  scale: Scale;
  /** Names of benchmarks; none means all. */
  names: string[];
  /** Only rewrite the page. */
  reportOnly: boolean;
}

export const USAGE = "Usage: npm run bench -- [--quick] [name …], or npm run bench -- --report";

/** @throws {RangeError} for an option or a name that is unknown. */
export function readOptions(args: string[], known: string[]): Options {
  const { values, positionals } = parse(args);
  if (values.report && (values.quick || positionals.length > 0)) {
    throw new RangeError("Cannot measure: --report only writes the page, so it stands alone");
  }
  const unknown = positionals.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(`Cannot measure "${unknown}": the benchmarks are ${known.join(", ")}`);
  }
  return {
    scale: values.quick ? "quick" : "full",
    names: positionals,
    reportOnly: values.report ?? false,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: { quick: { type: "boolean" }, report: { type: "boolean" } },
    });
  } catch (error) {
    throw new RangeError(error instanceof Error ? error.message : "Cannot read the options");
  }
}

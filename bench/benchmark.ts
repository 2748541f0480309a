/** What a benchmark is. @module */

import type { z } from "zod";

/** `quick` shows in seconds that everything works; its figures mean little. */
export type Scale = "full" | "quick";

/** One subject that is measured. `Result` is kept as JSON, in aggregates, and all that is said comes from it. */
export interface Benchmark<Result> {
  /** The name of its file below bench/results and on the command line. */
  name: string;
  /** The heading in docs/performance.md. */
  title: string;
  schema: z.ZodType<Result>;
  /** @throws {Error} when what was measured did not do its work: wrong results have no speed. */
  run(options: { scale: Scale; log: (line: string) => void }): Promise<Result>;
  /** Markdown below the heading: tables, what was measured and how, what the figures mean. */
  report(result: Result): string;
}

/** A measurement as it is kept. */
export interface Measurement {
  benchmark: string;
  scale: Scale;
  measuredAt: string;
  machine: Machine;
  versions: Record<string, string>;
  result: unknown;
}

export interface Machine {
  os: string;
  cpu: string;
  cores: number;
  memoryGiB: number;
}

/** A benchmark that has forgotten the type of its result. */
export interface AnyBenchmark {
  name: string;
  title: string;
  run(options: { scale: Scale; log: (line: string) => void }): Promise<unknown>;
  /** @throws {z.ZodError} when `result` is not of the kind that {@link run} gives. */
  report(result: unknown): string;
}

/** Lets benchmarks of different results stand in one list. */
export function benchmark<Result>(definition: Benchmark<Result>): AnyBenchmark {
  return {
    name: definition.name,
    title: definition.title,
    run: (options) => definition.run(options),
    report: (result) => definition.report(definition.schema.parse(result)),
  };
}

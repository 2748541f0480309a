/** What a benchmark is. @module */

import type { z } from "zod";

/** `quick` shows in seconds that everything works; its figures mean little. */
export type Scale = "full" | "quick";

/** One subject. `Result` holds aggregates and is kept as JSON; every report is made from it alone. */
export interface Benchmark<Result> {
  /** The name of its file in bench/results and on the command line. */
  name: string;
  /** The heading in docs/performance.md. */
  title: string;
  schema: z.ZodType<Result>;
  /** @throws {Error} when the subject did not do its work: wrong results have no speed. */
  run(options: { scale: Scale; log: (line: string) => void }): Promise<Result>;
  /** Markdown below the heading: tables, how they were measured, what the figures mean. */
  report(result: Result): string;
  /** Its most important figures, for the summary of the page. */
  headlines?(result: Result): Headline[];
}

/** A row of the summary. */
export interface Headline {
  what: string;
  measured: string;
  comparison: string;
  goal: string;
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
  /** @throws {z.ZodError} when `result` is not what {@link run} returns. */
  report(result: unknown): string;
  /** @throws {z.ZodError} as `report`. */
  headlines(result: unknown): Headline[];
}

/** Puts benchmarks with different results into one list. */
export function benchmark<Result>(definition: Benchmark<Result>): AnyBenchmark {
  return {
    name: definition.name,
    title: definition.title,
    run: (options) => definition.run(options),
    report: (result) => definition.report(definition.schema.parse(result)),
    headlines: (result) => definition.headlines?.(definition.schema.parse(result)) ?? [],
  };
}

/** What is kept of samples, and how it is computed. @module */

import { z } from "zod";

/** One figure, measured several times. With few samples the percentiles are those of the nearest rank. */
export const summarySchema = z.object({
  count: z.int().min(1),
  min: z.number(),
  p25: z.number(),
  median: z.number(),
  p99: z.number(),
  max: z.number(),
});
export type Summary = z.infer<typeof summarySchema>;

/** More than any report shows. */
const DIGITS = 6;

/** @throws {RangeError} without samples. */
export function summarise(samples: readonly number[]): Summary {
  return {
    count: samples.length,
    min: rounded(percentile(samples, 0)),
    p25: rounded(percentile(samples, 0.25)),
    // In full: what is rounded twice may end in another digit.
    median: median(samples),
    p99: rounded(percentile(samples, 0.99)),
    max: rounded(percentile(samples, 1)),
  };
}

function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}

/** The value below which `share` (0–1) of the samples lie, by the nearest rank. @throws {RangeError} without samples. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new RangeError("Cannot summarise: there are no samples");
  return value;
}

/** The middle sample, or the mean of the two in the middle. @throws {RangeError} without samples. */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) {
    throw new RangeError("Cannot summarise: there are no samples");
  }
  return (upper + lower) / 2;
}

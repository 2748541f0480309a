/** Summaries of samples. @module */

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

/** The benchmarks, in the order of docs/performance.md. @module */

import type { AnyBenchmark } from "./benchmark.ts";

export const BENCHMARKS: AnyBenchmark[] = [];

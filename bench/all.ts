/** The benchmarks, in the order of docs/performance.md. @module */

import type { AnyBenchmark } from "./benchmark.ts";
import { coldStart } from "./cold_start/benchmark.ts";
import { growth } from "./growth/benchmark.ts";
import { load } from "./load/benchmark.ts";
import { latency } from "./latency/benchmark.ts";
import { cpu } from "./cpu/benchmark.ts";
import { drain } from "./drain/benchmark.ts";

export const BENCHMARKS: AnyBenchmark[] = [drain, cpu, growth, latency, coldStart, load];

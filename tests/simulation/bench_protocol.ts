/** What the main thread and a worker thread say to each other. @module */

import type { Failure } from "./search.ts";
import type { Violation } from "./violation.ts";

export type Order =
  /** Comes first: which database, and which code. `patches` are SQL statements. */
  | { do: "prepare"; databaseUrl: string; folder: string | null; patches: string[] }
  | { do: "run"; seed: number; most: number }
  | { do: "shrink"; seed: number; most: number; timeMs: number };

export interface SeedReport {
  seed: number;
  steps: number;
  faults: number;
  crashes: number;
  violations: Violation[];
}

export type Answer =
  | { did: "prepare" }
  | { did: "run"; report: SeedReport }
  | { did: "shrink"; failure: Failure | null }
  | { did: "fail"; error: string };

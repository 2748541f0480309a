/**
 * One thing that has to be in order, and what to do when it is not.
 *
 * @module
 */

import type { z } from "zod";
import type { healthFactsSchema } from "../../supabase/functions/_acontext_sessions/core/health/facts.ts";
import type { Api } from "../api.ts";
import type { Target } from "../target.ts";

export type Finding =
  | { ok: true; note: string }
  /** Not tried, which is no illness. `next`: how to have it tried. */
  | { ok: null; problem: string; next: string }
  /** `next`: the command to run, as it is typed; or SQL for the editor. */
  | { ok: false; problem: string; next: string };

export interface Patient {
  target: Target;
  api: Api;
  /** The folder with `supabase/`. */
  projectDir: string;
  /** An access token to try the functions with; null: that of a new anonymous user. */
  userToken: string | null;
  /** Read by the checks that come first. */
  facts: z.infer<typeof healthFactsSchema> | null;
}

export interface Check {
  name: string;
  /** False: there is no such thing here. */
  applies?(patient: Patient): boolean;
  examine(patient: Patient): Promise<Finding>;
}

export function well(note: string): Finding {
  return { ok: true, note };
}

export function untried(problem: string, next: string): Finding {
  return { ok: null, problem, next };
}

export function ill(problem: string, next: string): Finding {
  return { ok: false, problem, next };
}

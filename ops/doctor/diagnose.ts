/**
 * The examination: each check in turn, until one finds something. What comes after it would only report the same.
 *
 * @module
 */

import { createApi } from "../api.ts";
import { OpsError } from "../ops_error.ts";
import type { Target } from "../target.ts";
import { type Check, type Finding, ill, type Patient } from "./check.ts";
import { extensions, jobs, linked, migrations, vault } from "./database_checks.ts";
import { acontextKey, functions, health, secrets } from "./function_checks.ts";
import { users } from "./user_check.ts";

const CHECKS: Check[] = [
  linked,
  migrations,
  extensions,
  vault,
  jobs,
  functions,
  secrets,
  users,
  acontextKey,
  health,
];

export interface Diagnosis {
  healthy: boolean;
  checks: { name: string; finding: Finding | null }[];
  /** The one thing to do next; null when all is well. */
  next: string | null;
}

/** A check after the first that is ill has the finding null: it was not made. */
export async function diagnose(
  target: Target,
  { projectDir, userToken = null }: { projectDir: string; userToken?: string | null },
): Promise<Diagnosis> {
  const patient: Patient = { target, api: createApi(target), projectDir, userToken, facts: null };
  const checks: Diagnosis["checks"] = [];
  let next: string | null = null;
  for (const check of CHECKS) {
    if (check.applies?.(patient) === false) continue;
    const finding: Finding | null = next === null ? await examine(check, patient) : null;
    if (finding?.ok === false) next = finding.next;
    checks.push({ name: check.name, finding });
  }
  return { healthy: next === null, checks, next };
}

async function examine(check: Check, patient: Patient): Promise<Finding> {
  try {
    return await check.examine(patient);
  } catch (error) {
    if (!(error instanceof OpsError)) throw error;
    return ill(error.message, "npm run doctor");
  }
}

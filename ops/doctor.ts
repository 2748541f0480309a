/**
 * `npm run doctor`: is everything in place? Says what is not, and the next command.
 *
 * @module
 */

import { ROOT } from "../local/paths.ts";
import { EXIT } from "./command.ts";
import { diagnose, type Diagnosis } from "./doctor/diagnose.ts";
import { OpsError } from "./ops_error.ts";
import { createOutput } from "./output.ts";
import { findTarget, NO_TARGET } from "./target.ts";

export interface DoctorOptions {
  env: Record<string, string | undefined>;
  stdout: (line: string) => void;
  stderr: (line: string) => void;
  json: boolean;
  /** Default: this project. */
  projectDir?: string;
}

/** Resolves to the exit code: 0 all is well, 1 something is not, 3 there is no project to look at. */
export async function runDoctor(options: DoctorOptions): Promise<number> {
  const { env, json, stdout, stderr, projectDir = ROOT } = options;
  try {
    const target = await findTarget(env);
    if (target === null) throw new OpsError(`Cannot examine: no project. Next: ${NO_TARGET}`);
    stderr(`Examining ${target.url}`);
    const diagnosis = await diagnose(target, {
      projectDir,
      userToken: env["SUPABASE_USER_TOKEN"] || null,
    });
    createOutput({ json, stdout, stderr }).result(diagnosis, () => describe(diagnosis));
    return diagnosis.healthy ? EXIT.ok : EXIT.degraded;
  } catch (error) {
    if (!(error instanceof OpsError)) throw error;
    stderr(error.message);
    return EXIT.unknown;
  }
}

function describe({ checks, next }: Diagnosis): string[] {
  const untried = checks.some(({ finding }) => finding?.ok === null);
  return [
    ...checks.map(({ name, finding }) => {
      if (finding === null) return `–     ${name}`;
      if (finding.ok) return `ok    ${name}: ${finding.note}`;
      if (finding.ok === null) return `?     ${name}: ${finding.problem}. ${finding.next}`;
      return `FAIL  ${name}: ${finding.problem}`;
    }),
    next === null ? `All is well${untried ? ", as far as it was tried" : ""}` : `Next: ${next}`,
  ];
}

if (import.meta.main) {
  Deno.exit(
    await runDoctor({
      env: Deno.env.toObject(),
      stdout: console.log,
      stderr: console.error,
      json: Deno.args.includes("--json"),
    }),
  );
}

/**
 * Turns what an attempt came to into what the database is told.
 *
 * @module
 */
import type { Attempt, Removal } from "./delete_remote.ts";
import type { Deletion, Proof, Settlement } from "./ports.ts";

/**
 * What happened to an entry as a whole. `sick` means that nothing but the service's state stood in the way, so whether
 * it counts as a failure of this entry depends on how the others fare.
 */
export type Verdict = "gone" | "throttled" | "sick" | "failed" | "late";

export function verdictOf(attempt: Attempt): Verdict {
  const kinds = new Set(removals(attempt).map((removal) => removal.kind));
  for (const kind of ["failed", "sick", "throttled", "late"] as const) {
    if (kinds.has(kind)) return kind;
  }
  return "gone";
}

/**
 * The report on one entry. Proofs are kept whatever became of the other resource.
 *
 * @param sickIsFailure Whether an ailing service counts as a failure of this entry.
 */
export function settlementOf(
  deletion: Deletion,
  attempt: Attempt,
  { sickIsFailure }: { sickIsFailure: boolean },
): Settlement {
  const session = proofOf(attempt.session);
  const disk = proofOf(attempt.disk);
  const error = errorOf(attempt);
  return {
    id: deletion.id,
    ...(session && { session }),
    ...(disk && { disk }),
    disposition: dispositionOf(verdictOf(attempt), sickIsFailure),
    ...(error && { error }),
    ...(removals(attempt).some((removal) => removal.kind === "sick" && removal.underWay) &&
      { underWay: true }),
  };
}

function dispositionOf(verdict: Verdict, sickIsFailure: boolean): Settlement["disposition"] {
  switch (verdict) {
    case "failed":
      return "retry";
    case "sick":
      return sickIsFailure ? "retry" : "defer";
    default:
      return "release";
  }
}

/** How long Acontext asks to wait, in milliseconds; zero when it does not. */
export function retryAfterOf(attempt: Attempt): number {
  return Math.max(
    0,
    ...removals(attempt).map((removal) => removal.kind === "throttled" ? removal.retryAfterMs : 0),
  );
}

function removals(attempt: Attempt): Removal[] {
  return [attempt.session, attempt.disk].filter((removal) => removal !== null);
}

function proofOf(removal: Removal | null): Proof | undefined {
  return removal?.kind === "gone" ? removal.proof : undefined;
}

function errorOf(attempt: Attempt): string | undefined {
  const session = reason(attempt.session);
  const disk = reason(attempt.disk);
  const parts = [session && `session: ${session}`, disk && `disk: ${disk}`].filter((part) => part);
  return parts.length === 0 ? undefined : parts.join("; ");
}

function reason(removal: Removal | null): string | undefined {
  switch (removal?.kind) {
    case "failed":
    case "sick":
      return removal.error;
    case "throttled":
    case "late":
      return removal.kind;
    default:
      return undefined;
  }
}

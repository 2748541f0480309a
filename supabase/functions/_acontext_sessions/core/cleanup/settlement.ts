/**
 * Turns the result of an attempt into the report that the database gets.
 *
 * @module
 */
import type { Attempt, Removal } from "./delete_remote.ts";
import type { Deletion, Proof, Settlement } from "./ports.ts";

/**
 * What happened to an entry as a whole. `unavailable`: the service may be down, so who is to blame for the failure
 * depends on how the other entries fare; see {@link Blame}.
 */
export type Verdict = "gone" | "throttled" | "unavailable" | "failed" | "late";

/** Who is to blame for a failure: the entry, which then counts a failed attempt, or the service. */
export type Blame = "entry" | "service";

export function verdictOf(attempt: Attempt): Verdict {
  const kinds = new Set(removals(attempt).map((removal) => removal.kind));
  for (const kind of ["failed", "unavailable", "throttled", "late"] as const) {
    if (kinds.has(kind)) return kind;
  }
  return "gone";
}

/**
 * The report on one entry. Proofs are kept whatever happened to the other resource.
 *
 * @param options.blame Matters only when the verdict is `unavailable`.
 */
export function settlementOf(
  deletion: Deletion,
  attempt: Attempt,
  { blame }: { blame: Blame },
): Settlement {
  const session = proofOf(attempt.session);
  const disk = proofOf(attempt.disk);
  const error = errorOf(attempt);
  return {
    id: deletion.id,
    ...(session && { session }),
    ...(disk && { disk }),
    // What takes longer than a worker lives is no fault of the service as a whole.
    disposition: dispositionOf(verdictOf(attempt), attempt.slow === "always" ? "entry" : blame),
    ...(error && { error }),
    ...(removals(attempt).some((removal) => removal.kind === "unavailable" && removal.underWay) &&
      { underWay: true }),
    ...(attempt.inDoubt.length > 0 && { inDoubt: attempt.inDoubt }),
    ...(attempt.repeated > 0 && { repeated: attempt.repeated }),
    ...(attempt.slow !== "no" && { slow: true }),
    ...(attempt.slow === "always" && { stuck: true }),
    ...(attempt.sessionMs !== null && { sessionMs: attempt.sessionMs }),
  };
}

function dispositionOf(verdict: Verdict, blame: Blame): Settlement["disposition"] {
  switch (verdict) {
    case "failed":
      return "retry";
    case "unavailable":
      return blame === "entry" ? "retry" : "defer";
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
    case "unavailable":
      return removal.error;
    case "throttled":
    case "late":
      return removal.kind;
    default:
      return undefined;
  }
}

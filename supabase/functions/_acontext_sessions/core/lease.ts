/**
 * How long a caller may work on what it leased, and until when it may start a remote delete.
 *
 * @module
 */
import type { Acontext } from "./resources.ts";
import type { Clock, Lease, Randomness } from "./ports.ts";

/** A lease with its end as the holder must see it. */
export interface HeldLease extends Lease {
  /** On the holder's monotonic clock: no remote delete may start after it. */
  deadline: number;
}

/**
 * A new lease, to be taken before the call that asks the database for it, so that the holder's deadline is never
 * later than the database's.
 *
 * A delete that starts just before the deadline still ends, or is given up, within the lease; the rest of the margin is
 * for a request that the server works on after we gave it up.
 */
export function newLease(
  { acontext, clock, random }: { acontext: Acontext; clock: Clock; random: Randomness },
): HeldLease {
  const workMs = 60_000;
  const marginMs = 2 * acontext.timeoutMs;
  return {
    leaseId: random.uuid(),
    leaseSeconds: Math.ceil((workMs + marginMs) / 1000),
    deadline: clock.now() + workMs,
  };
}

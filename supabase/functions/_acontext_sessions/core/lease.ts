/**
 * Leases: how long their holder may work on what it leased, and until when it may start something remote.
 *
 * @module
 */
import type { Clock, Lease, Randomness } from "./ports.ts";
import type { RemoteResources } from "./resources.ts";

/** A lease with its end as the holder must see it. */
export interface HeldLease extends Lease {
  /** On the holder's monotonic clock: nothing remote may start after it. */
  deadline: number;
}

export interface LeaseOptions {
  /** How long new requests to Acontext may start. */
  workMs?: number;
  /** How many time-outs the lease outlives the work by. */
  timeouts?: number;
}

/**
 * A new lease, to be made before the call that asks the database for it, so that the holder's deadline is never later
 * than the database's.
 *
 * A request that starts just before the deadline still ends, or is given up, within the lease; the rest of the margin
 * is for one that the server works on after we gave it up. `provisioning_timeout`, after which the database takes a
 * session for abandoned, is longer than any lease.
 */
export function newLease(
  { acontext, clock, random }: {
    acontext: Pick<RemoteResources, "timeoutMs">;
    clock: Clock;
    random: Randomness;
  },
  { workMs = 60_000, timeouts = 2 }: LeaseOptions = {},
): HeldLease {
  const marginMs = timeouts * acontext.timeoutMs;
  return {
    leaseId: random.uuid(),
    leaseSeconds: Math.ceil((workMs + marginMs) / 1000),
    deadline: clock.now() + workMs,
  };
}

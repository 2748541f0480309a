/**
 * How long a remote delete may take, and whether there is time for it.
 *
 * Acontext answers a delete when it is done, and one that is given up may leave its references counted down for nothing:
 * the next attempt counts them down again, and content that others share is lost. So a delete gets the time it needs,
 * and none is begun that its worker cannot wait for.
 *
 * @module
 */
import type { Clock, Lease, Randomness } from "../ports.ts";

/** Of a delete with no more messages than usual, and of a disk. The worker's end may come sooner. */
export interface DeleteLimits {
  timeoutMs: number;
  /** The worker as seen at the start of a request. */
  worker(): WorkerLife;
}

export interface WorkerLife {
  /** On the holder's monotonic clock. */
  endsAt: number;
  /** From a worker's start to its end, in milliseconds. */
  totalMs: number;
}

/** When remote deletes may begin and have to end, on the holder's monotonic clock. */
export interface Timeframe {
  /** None begins after it: it might outlive the lease. */
  startBy: number;
  /** The last moment that the worker can wait to. */
  endBy: number;
  timeoutMs: number;
  /** Milliseconds that a message adds, where that is known. */
  msPerMessage: number | null;
  /** Of the worker, from its start to its end. */
  lifeMs: number;
  /** For a delete that needs long, as no other is begun here. */
  whole: boolean;
}

/** A lease of deletions, and when they may be worked on. */
export interface HeldDeletions extends Lease {
  frame: Timeframe;
}

/** What a message is taken to add where nothing is known: two requests to an object storage that takes 35 ms for each. */
const ASSUMED_MS_PER_MESSAGE = 70;
/** No delete begins with less time left, however few messages it has. */
const LEAST_MS = 30_000;
/** For a worker to report what it did before it ends. */
const REPORT_MS = 5_000;
/** New work begins within this time; then the lease waits for what was begun last. */
const WORK_MS = 60_000;
/** A delete that is expected to take longer waits for a worker with most of its life before it. */
const LONG_MS = 30_000;
/** So much longer than expected a delete may take before it counts as one that does not fit. */
const SAFETY = 1.1;

/** Messages of a session whose delete still is one among others, however slow; the database has an index above. */
const ALWAYS_FEW = 200;

/** Messages of a session whose delete still is one among others. */
export function mostMessages(msPerMessage: number | null): number {
  return Math.max(ALWAYS_FEW, Math.floor(LONG_MS / (msPerMessage ?? ASSUMED_MS_PER_MESSAGE)));
}

/** Messages of a session whose delete ends within `ms`, as far as is known. Without experience anything may. */
export function messagesWithin(ms: number, msPerMessage: number | null): number {
  if (msPerMessage === null) return MANY;
  return Math.min(MANY, Math.floor(Math.max(0, ms - REPORT_MS) / (SAFETY * msPerMessage)));
}

/** The largest `integer` of the database. */
const MANY = 2_147_483_647;

/** The time for one delete; null when it could not be waited for. */
export function limitOf(
  { startBy, endBy, timeoutMs, msPerMessage, whole }: Timeframe,
  { messages, now }: { messages: number; now: number },
): number | null {
  if (!whole && messages > mostMessages(msPerMessage)) return null;
  const left = endBy - now;
  const expected = messages * (msPerMessage ?? 0);
  if (now > startBy || left < Math.max(Math.min(LEAST_MS, timeoutMs), expected)) return null;
  return Math.min(Math.max(timeoutMs, 2 * expectedMs({ msPerMessage }, messages)), left);
}

/** Milliseconds that the delete of a session with so many messages should take. */
export function expectedMs(
  { msPerMessage }: Pick<Timeframe, "msPerMessage">,
  messages: number,
): number {
  return messages * (msPerMessage ?? ASSUMED_MS_PER_MESSAGE);
}

/** Whether a delete had about all the time that a worker can ever give it. */
export function hadWholeLife(limitMs: number, { lifeMs }: Timeframe): boolean {
  return limitMs >= 0.75 * lifeMs;
}

/** Whether a worker still has enough of its life for a delete that needs long. */
export function hasMostOfItsLife({ endsAt, totalMs }: WorkerLife, now: number): boolean {
  return endsAt - now >= 0.75 * totalMs;
}

/** The moment after which a worker begins no delete. */
export function lastStart({ endsAt }: WorkerLife, timeoutMs: number): number {
  return endsAt - REPORT_MS - Math.min(LEAST_MS, timeoutMs);
}

/**
 * A lease for deletes, to be made before the call that asks the database for it, so that the holder's times are never
 * later than the database's. It ends when everything begun under it has ended or its worker has.
 *
 * @param options.whole It waits for the worker's end, whatever the usual limit of a delete.
 */
export function deletionLease(
  { clock, random, deletes }: { clock: Clock; random: Randomness; deletes: DeleteLimits },
  { worker, msPerMessage, whole = false }: {
    worker: WorkerLife;
    msPerMessage: number | null;
    whole?: boolean;
  },
): HeldDeletions {
  const now = clock.now();
  const { timeoutMs } = deletes;
  const last = worker.endsAt - REPORT_MS;
  // A session, then a disk, and a session may have twice the time that is expected.
  const endBy = whole ? last : Math.min(last, now + WORK_MS + 2 * Math.max(timeoutMs, 2 * LONG_MS));
  const startBy = Math.min(now + WORK_MS, lastStart(worker, timeoutMs));
  return {
    leaseId: random.uuid(),
    leaseSeconds: Math.ceil((Math.max(0, endBy - now) + 2 * REPORT_MS) / 1000),
    frame: { startBy, endBy, timeoutMs, msPerMessage, lifeMs: worker.totalMs, whole },
  };
}

/** No two workers delete one id at a time, and what is known to be gone is left alone. @module */

import { deletedBy } from "./paths.ts";
import { DELETE_TIMEOUT_MS, type RemoteRequest, TIMEOUT_MS } from "../remote.ts";
import type { Snapshot } from "../snapshot.ts";
import type { Transaction, World } from "../world.ts";
import type { Check } from "./check.ts";

/** How long after it was sent the server may still work on a request without meeting another: until it is given up. */
const COVERED_MS = DELETE_TIMEOUT_MS;
/** The same when its sender did not live to report, and only the end of its lease holds others off. */
const COVERED_BY_LEASE_MS = 2 * TIMEOUT_MS;

function coveredMs({ process: { excuse } }: RemoteRequest): number {
  return excuse === null ? COVERED_MS : COVERED_BY_LEASE_MS;
}

export class OverlappingDeletes implements Check {
  /** The last delete that was sent, by remote id. */
  readonly #sent = new Map<string, RemoteRequest>();
  readonly #atServer = new Map<string, Set<RemoteRequest>>();
  /** Remote ids that a delete was confirmed for, by process. */
  readonly #confirmed = new Map<string, string>();

  constructor(readonly world: World) {}

  sent(request: RemoteRequest): void {
    const id = deletedBy(request);
    if (id === null) return;
    const other = this.#sent.get(id);
    const outstanding = other !== undefined && other.settledAt === null &&
      request.sentAt - other.sentAt < coveredMs(other);
    if (outstanding && !this.world.skewed) {
      this.#wrong(`${request.process.name} and ${other.process.name} both delete ${id}`);
    }
    this.#sent.set(id, request);
    // Reconcile may have read its list just before: the orphan that it then queues is found to be gone.
    const isOrphan = [...this.world.snapshot.queue.values()].some(({ reason, session, disk }) =>
      reason === "orphan" && (session === id || disk === id)
    );
    if (this.#confirmed.has(id) && !isOrphan) {
      this.#wrong(`${request.process.name} deletes ${id}, which is stamped as gone`);
    }
  }

  arrived(request: RemoteRequest): void {
    const id = deletedBy(request);
    if (id === null) return;
    const others = this.#atServer.get(id) ?? new Set();
    const { now } = this.world.scheduler;
    const inTime = (one: RemoteRequest) => now - one.sentAt <= coveredMs(one);
    for (const other of others) {
      if (inTime(other) && inTime(request) && !this.world.skewed) {
        this.#wrong(
          `deletes of ${id} by ${request.process.name} and ${other.process.name} overlap`,
        );
      }
    }
    this.#atServer.set(id, others.add(request));
  }

  handled(request: RemoteRequest): void {
    const id = deletedBy(request);
    if (id !== null) this.#atServer.get(id)?.delete(request);
  }

  /** What was confirmed to a worker, and then reported under a valid lease, is never asked for again. */
  transaction({ name, args, process, result }: Transaction, before: Snapshot): void {
    // What another database's receipts say is not known here.
    if (
      name !== "acontext_settle_deletions" || result.error !== null || this.world.absent !== null
    ) return;
    const { p_settlements: settlements, p_lease_id: leaseId } = args;
    if (!Array.isArray(settlements)) return;
    for (const { id } of settlements) {
      const entry = before.queue.get(id);
      if (entry === undefined || entry.leaseId !== leaseId) continue;
      for (const remoteId of [entry.session, entry.disk]) {
        const request = remoteId === null ? undefined : this.#sent.get(remoteId);
        if (remoteId !== null && request?.process === process && request?.status === 200) {
          this.#confirmed.set(remoteId, id);
        }
      }
    }
  }

  /** A late request of long ago made it again. */
  created({ id }: { id: string }): void {
    this.#confirmed.delete(id);
  }

  #wrong(detail: string): void {
    this.world.report("wrong deletion", "overlapping deletes", detail);
  }
}

/** Whoever makes or deletes holds a lease that outlives the request; a report under a lost one changes nothing. @module */

import { deletedBy, madeBy } from "./paths.ts";
import type { Process } from "../process.ts";
import { type RemoteRequest, TIMEOUT_MS } from "../remote.ts";
import type { Entry, Snapshot } from "../snapshot.ts";
import type { Transaction, World } from "../world.ts";
import type { Check } from "./check.ts";

const CLAIMS = new Set([
  "acontext_claim_deletions",
  "acontext_claim_long_deletion",
  "acontext_request_session_deletion",
]);

interface Claim {
  entry: Entry;
  until: number;
}

export class Holding implements Check {
  readonly #claims = new Map<Process, Claim[]>();

  constructor(readonly world: World) {}

  transaction(transaction: Transaction, before: Snapshot, after: Snapshot): void {
    const { name, args, process } = transaction;
    if (process === null) return;
    if (CLAIMS.has(name)) {
      const until = after.now + 1_000 * Number(args["p_lease_seconds"]);
      const taken = [...after.queue.values()].filter((entry) =>
        entry.leaseId !== null && entry.leaseId === args["p_lease_id"]
      ).map((entry) => ({ entry, until }));
      this.#claims.set(process, [...taken, ...this.#claims.get(process) ?? []]);
    }
    if (name === "acontext_settle_deletions") this.#settled(transaction, before, after);
  }

  sent(request: RemoteRequest): void {
    if (this.world.skewed) return;
    const { process } = request;
    const { now, snapshot } = this.world;
    const origin = process.sessionId;
    const makes = madeBy(request);
    if (makes !== null && origin !== null && process.kind === "create") {
      const lease = snapshot.leases.get(origin);
      const held = lease !== undefined && lease.holder === process.leaseId && lease.until > now;
      if (!held && snapshot.rows.has(origin)) {
        this.#wrong(`${process.name} makes a ${makes} for ${origin}, which it does not hold`);
      }
    }
    const id = deletedBy(request);
    if (id === null) return;
    const of = this.world.remote.live.get(id)?.origin ?? null;
    const claim = this.#claims.get(process)?.find(({ entry }) =>
      entry.session === id || entry.disk === id ||
      (entry.origin === of && entry.reason !== "orphan")
    );
    if (claim === undefined || claim.until < now + TIMEOUT_MS) {
      this.#wrong(`${process.name} deletes ${id} and may outlive its lease`);
    }
  }

  #settled({ args, process }: Transaction, before: Snapshot, after: Snapshot): void {
    const { p_settlements: settlements, p_lease_id: leaseId } = args;
    if (!Array.isArray(settlements)) return;
    for (const { id } of settlements) {
      const was = before.queue.get(id);
      if (was === undefined || was.leaseId === leaseId) continue;
      if (JSON.stringify(after.queue.get(id)) !== JSON.stringify(was)) {
        this.#wrong(`${process?.name} reports on ${id}, which it does not hold any more`);
      }
    }
  }

  #wrong(detail: string): void {
    this.world.report("wrong deletion", "holding", detail);
  }
}

/** Nothing live is deleted, nothing is shared, nothing of anybody else is touched. @module */

import { deletedBy } from "./paths.ts";
import type { RemoteRequest, Resource } from "../remote.ts";
import type { Row, Snapshot } from "../snapshot.ts";
import { NAMESPACE, type Transaction, type World } from "../world.ts";
import type { Check } from "./check.ts";

export class LiveResources implements Check {
  /** Requested deletions and until when each may be taken back, by session id. */
  readonly #grace = new Map<string, number>();

  /** When remote resources went. */
  readonly #goneAt = new Map<string, number>();

  constructor(readonly world: World) {}

  sent(request: RemoteRequest): void {
    if (request.method === "DELETE" && request.path.startsWith("/user/")) {
      const label = decodeURIComponent(request.path.slice("/user/".length));
      if (!label.startsWith(`${NAMESPACE}:`)) this.#wrong(`${label} is not our label`);
    }
    const id = deletedBy(request);
    if (id === null) return;
    const resource = this.world.remote.live.get(id);
    if (resource !== undefined && resource.origin === null) {
      this.#wrong(`${request.process.name} deletes ${id}, which is not ours`);
    }
    if (resource !== undefined) this.#leaveCopies(request, resource);
    const owner = this.#holder(id);
    if (owner?.status === "active") {
      this.#wrong(`${request.process.name} deletes ${id} of the active session ${owner.id}`);
    }
    const until = owner === null ? undefined : this.#grace.get(owner.id);
    if (until !== undefined && this.world.now < until && !this.world.skewed) {
      this.#wrong(`${request.process.name} deletes ${id} in the grace period of ${owner?.id}`);
    }
  }

  vanished(resource: Resource, request: RemoteRequest | null): void {
    const { id, origin, kind } = resource;
    this.#goneAt.set(id, this.world.scheduler.now);
    const by = request?.process.name ?? "somebody";
    this.world.note(`acontext: lost ${kind} ${id}`);
    if (origin === null) this.#wrong(`${by} deleted ${kind} ${id}, which is not ours`);
    if (request !== null && deletedBy(request) === null) {
      this.#wrong(`${by} deleted ${kind} ${id} along with its label, and left its files behind`);
    }
    if (this.#holder(id)?.status === "active") {
      this.#wrong(`${by} deleted ${kind} ${id} of an active session`);
    }
  }

  transaction({ name, seen }: Transaction, before: Snapshot, after: Snapshot): void {
    // A transaction that was open while the setting changed may have read it before or after.
    const grace = Math.min(seen.settings.deletionGrace, before.settings.deletionGrace);
    this.#followGrace(before, after, grace);
    const holders = new Map<string, string>();
    for (const { id, status, session, disk } of after.rows.values()) {
      for (const remoteId of [session, disk]) {
        if (remoteId === null) continue;
        if (holders.has(remoteId)) this.#wrong(`${id} shares ${remoteId}`);
        holders.set(remoteId, id);
        if (status !== "active") continue;
        const resource = this.world.remote.live.get(remoteId);
        if (resource === undefined) {
          this.#wrong(`after ${name} the active session ${id} has no ${remoteId}`);
        } else if (resource.origin === null) {
          this.#wrong(`after ${name} the active session ${id} has ${remoteId}, which is not ours`);
        }
      }
    }
    for (const { id, session, disk } of after.queue.values()) {
      for (const remoteId of [session, disk]) {
        const holder = remoteId === null ? undefined : holders.get(remoteId);
        if (holder !== undefined && holder !== id) {
          this.#wrong(`after ${name} the queue names ${remoteId}, which ${holder} holds`);
        }
      }
    }
  }

  /** An app's copy is left alone while the session lives of which it is one; after that it is an orphan. */
  #leaveCopies({ process }: RemoteRequest, { id, origin, copyOf }: Resource): void {
    if (copyOf === null || origin === null) return;
    const { snapshot, absent, remote } = this.world;
    const isKnown = snapshot.rows.has(origin) || absent?.rows.has(origin) === true;
    if (isKnown && remote.live.has(copyOf)) {
      this.#wrong(`${process.name} deletes ${id}, a copy of ${copyOf}, which lives`);
    }
    const isOrphan = [...this.world.snapshot.queue.values()].some(({ reason, session }) =>
      reason === "orphan" && session === id
    );
    // Who looks for what was half made, after an earlier worker has deleted it, cannot tell: docs/architecture.md says so.
    const goneBefore = (this.#goneAt.get(copyOf) ?? Infinity) < process.startedAt;
    if (!isOrphan && !goneBefore) {
      this.#wrong(`${process.name} takes ${id}, a copy of ${copyOf}, for it`);
    }
  }

  #followGrace(before: Snapshot, after: Snapshot, grace: number): void {
    for (const entry of after.queue.values()) {
      const isNew = !before.queue.has(entry.id);
      if (isNew && (entry.reason === "requested" || entry.reason === "expired")) {
        this.#grace.set(entry.id, after.now + grace);
      }
      // Nobody is left to take it back.
      if (after.rows.get(entry.id)?.user === null) this.#grace.delete(entry.id);
    }
    for (const id of before.queue.keys()) if (!after.queue.has(id)) this.#grace.delete(id);
  }

  #holder(remoteId: string): Row | null {
    const snapshots = [this.world.absent, this.world.snapshot];
    for (const snapshot of snapshots) {
      for (const row of snapshot?.rows.values() ?? []) {
        if (row.session === remoteId || row.disk === remoteId) return row;
      }
    }
    return null;
  }

  #wrong(detail: string): void {
    this.world.report("wrong deletion", "live resources", detail);
  }
}

/** What a caller reports as made is bound, queued, or left to somebody who looks. @module */

import type { Snapshot } from "../snapshot.ts";
import type { Transaction, World } from "../world.ts";
import type { Check } from "./check.ts";

export class Binding implements Check {
  /** Sessions that have a receipt: nobody makes anything for them. */
  readonly #gone = new Set<string>();

  constructor(readonly world: World) {}

  transaction({ name, args, result }: Transaction, before: Snapshot, after: Snapshot): void {
    for (const { id, origin } of after.receipts) if (id === origin) this.#gone.add(origin);
    if (name === "acontext_save_reconcile_progress") this.#orphans(before, after);
    if (name !== "acontext_activate_session" || result.error !== null) return;
    const origin = String(args["p_session_id"]);
    // The caller that makes it now finds what carries the mark.
    if (after.rows.get(origin)?.status === "provisioning") return;
    const named = new Set<string | null>();
    for (const { session, disk } of [...after.rows.values(), ...after.queue.values()]) {
      named.add(session).add(disk);
    }
    const reported = [
      args["p_acontext_session_id"],
      args["p_acontext_disk_id"],
      args["p_surplus_session_ids"],
      args["p_surplus_disk_ids"],
    ].flat();
    for (const id of reported) {
      if (typeof id === "string" && this.world.remote.live.has(id) && !named.has(id)) {
        this.#report("leak", `${id} was reported as made and is in no row and no queue`);
      }
    }
  }

  /** An orphan belongs to nobody who could still come for it, and is old enough, or its session is gone. */
  #orphans(before: Snapshot, after: Snapshot): void {
    for (const entry of after.queue.values()) {
      if (before.queue.has(entry.id) || entry.reason !== "orphan") continue;
      if (after.rows.get(entry.origin)?.status === "provisioning") {
        this.#report("wrong deletion", `${entry.origin} is being made, and queued as an orphan`);
      }
      const resource = this.world.remote.live.get(entry.session ?? entry.disk ?? "");
      if (resource === undefined || this.world.skewed || this.#gone.has(entry.origin)) continue;
      const age = this.world.scheduler.now - resource.createdAt;
      if (age < after.settings.orphanGrace) {
        this.#report("wrong deletion", `${resource.id} is too young for an orphan`);
      }
    }
  }

  #report(kind: "leak" | "wrong deletion", detail: string): void {
    this.world.report(kind, "binding", detail);
  }
}

/** A session is deleted only because somebody asked, or because its time is up, and comes back only untouched. @module */

import { deletedBy } from "./paths.ts";
import type { RemoteRequest } from "../remote.ts";
import type { Entry, Row, Snapshot } from "../snapshot.ts";
import type { Transaction, World } from "../world.ts";
import type { Check } from "./check.ts";

const ASKED_BY_OPERATOR = new Set(["operator: delete row", "operator: delete all rows"]);

export class Transitions implements Check {
  /** Remote ids that a delete was sent for. */
  readonly #touched = new Set<string>();
  /** Sessions that were gone for good. */
  readonly #gone = new Map<string, number>();
  /** What the expiry limit had to let each run expire, as others may have ended before or after it counted. */
  readonly #scopes = new Map<string, Scope[]>();

  constructor(readonly world: World) {}

  sent(request: RemoteRequest): void {
    const id = deletedBy(request);
    if (id !== null) this.#touched.add(id);
  }

  created({ id }: { id: string }): void {
    this.#touched.delete(id);
  }

  transaction(transaction: Transaction, before: Snapshot, after: Snapshot): void {
    // Then a run checks the expiry limit again.
    if (before.settings.sessionTtl !== after.settings.sessionTtl) this.#scopes.clear();
    this.#watchExpiryLimit(transaction, before, after);
    for (const [id, row] of after.rows) {
      const was = before.rows.get(id);
      if (was === undefined) this.#began(row);
      else if (was.status !== row.status) {
        if (row.status === "deleting") this.#deleting(transaction, was, before, after);
        else if (was.status === "deleting") this.#cameBack(row);
      }
    }
    for (const { origin } of after.receipts) this.#gone.set(origin, after.now);
  }

  #began({ id }: Row): void {
    const gone = this.#gone.get(id);
    // Receipts are kept for a day at least.
    if (gone !== undefined && this.world.now - gone < 86_400_000) {
      this.#wrong(`${id} lives twice`);
    }
  }

  #cameBack({ id, session, disk }: Row): void {
    if ([session, disk].some((remoteId) => remoteId !== null && this.#touched.has(remoteId))) {
      this.#wrong(`${id} was restored after its deletion had begun`);
    }
  }

  #deleting(
    { name, args, seen }: Transaction,
    was: Row,
    before: Snapshot,
    after: Snapshot,
  ): void {
    const entry = after.queue.get(was.id);
    if (entry === undefined) return;
    const asked = this.#isAsked({ name, args }, entry, was, after);
    const due = name === "acontext_queue_due_sessions" &&
      (entry.reason === "expired" ? isExpired(was, before, after) : isStale(was, before, after));
    if (!asked && !due) this.#wrong(`${name} deletes ${was.id} (${entry.reason}) without a reason`);
    const scopes = this.#scopes.get(String(args["p_run_id"])) ?? [];
    const held = (scope: Scope) =>
      [seen, before].every((there) => isHeld(was, { scope, there, after }));
    if (entry.reason === "expired" && scopes.length > 0 && scopes.every(held)) {
      this.#wrong(`${name} expires ${was.id}, which the expiry limit holds back (${scopes[0]})`);
    }
  }

  #isAsked(
    { name, args }: Pick<Transaction, "name" | "args">,
    entry: Entry,
    was: Row,
    after: Snapshot,
  ): boolean {
    if (entry.reason === "user_deleted") {
      // At once, or in a later step where somebody held the session.
      return this.world.erasedUsers.has(was.user ?? "") && after.rows.get(was.id)?.user === null;
    }
    if (entry.reason !== "requested") return false;
    return ASKED_BY_OPERATOR.has(name) ||
      (name === "acontext_request_session_deletion" && args["p_session_id"] === was.id &&
        args["p_user_id"] === was.user);
  }

  /** The expiry limit's rule, worked out anew from all rows at the step at which a run has to ask. */
  #watchExpiryLimit(transaction: Transaction, before: Snapshot, after: Snapshot): void {
    const { name, args, result, seen } = transaction;
    const runId = String(args["p_run_id"]);
    if (name !== "acontext_queue_due_sessions" || this.#scopes.has(runId)) return;
    if (!hasAsked(result.data)) return;
    this.#scopes.set(
      runId,
      this.world.forcedRuns.has(runId) ? ["all"] : [scopeOf(seen, after), scopeOf(before, after)],
    );
  }

  #wrong(detail: string): void {
    this.world.report("wrong deletion", "transitions", detail);
  }
}

/** Not while a new lifetime does not apply to all: then a step expires nothing, and there are more. */
function hasAsked(answer: unknown): boolean {
  return typeof answer === "object" && answer !== null && "more" in answer &&
    "expired" in answer && !(answer.more === true && answer.expired === 0);
}

type Scope = "all" | "light" | "own";

const activeOf = ({ rows }: Snapshot) =>
  [...rows.values()].filter(({ status }) => status === "active");

/** How many would expire at once for want of use, by owner. What has a lifetime of its own does not count. */
function dueByOwner(there: Snapshot, after: Snapshot): Map<string, number> {
  return countByOwner(
    activeOf(there).filter((row) => row.ttl === null && isExpired(row, there, after)),
  );
}

function countByOwner(rows: Row[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { user } of rows) counts.set(user ?? "", (counts.get(user ?? "") ?? 0) + 1);
  return counts;
}

function scopeOf(there: Snapshot, after: Snapshot): Scope {
  const { maxExpiryMinimum, maxExpiryFraction } = after.settings;
  const active = activeOf(there);
  const expired = active.filter((row) => isExpired(row, there, after)).length;
  const plausible = (due: number, others: number) =>
    due < maxExpiryMinimum || due <= maxExpiryFraction * (due + others);
  const due = dueByOwner(there, after);
  const others = countByOwner(active.filter((row) => !isExpired(row, there, after)));
  const cap = heavyFrom(after);
  const sum = (counts: Map<string, number>, most: number) =>
    [...counts.values()].reduce((total, count) => total + Math.min(count, most), 0);
  if (
    plausible(expired, active.length - expired) ||
    plausible(sum(due, Infinity), sum(others, Infinity))
  ) {
    return "all";
  }
  const heavy = new Set([...due].filter(([, count]) => count > cap).map(([user]) => user));
  if (heavy.size === 0) return "own";
  // A few make no difference to the others. Many tell of a mistake, too.
  const light = (counts: Map<string, number>) =>
    new Map([...counts].filter(([user]) => !heavy.has(user)));
  const passes = heavy.size <= cap
    ? plausible(sum(light(due), Infinity), sum(light(others), Infinity))
    : plausible(sum(due, cap), sum(others, cap));
  return passes ? "light" : "own";
}

function heavyFrom({ settings }: Snapshot): number {
  return Math.max(1, Math.floor(settings.maxExpiryMinimum / 10));
}

function isHeld(
  row: Row,
  { scope, there, after }: { scope: Scope; there: Snapshot; after: Snapshot },
): boolean {
  if (scope === "all" || row.ttl !== null) return false;
  return scope === "own" || (dueByOwner(there, after).get(row.user ?? "") ?? 0) > heavyFrom(after);
}

function isExpired(row: Row, before: Snapshot, after: Snapshot): boolean {
  const ttl = row.ttl ?? before.settings.sessionTtl;
  return row.status === "active" && !row.pinned && row.lastActivityAt + ttl <= after.now;
}

function isStale(row: Row, before: Snapshot, after: Snapshot): boolean {
  const leasedUntil = before.leases.get(row.id)?.until;
  return row.status === "provisioning" &&
    // Not since createdAt: a clock that was set back may show the last try as the earlier of the two.
    row.lastActivityAt + before.settings.provisioningTimeout <= after.now &&
    (leasedUntil === undefined || leasedUntil <= after.now);
}

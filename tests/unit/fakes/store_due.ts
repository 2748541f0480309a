/** What of the fake database is due, and what its callers see of a session. @module */

import type { SessionView } from "../../../supabase/functions/_acontext_sessions/core/sessions/ports.ts";
import type { QueueEntry, SessionRow, Settings, StoreState } from "./store_rows.ts";

/** The longest due first. */
export function dueEntries({ queue }: StoreState, now: number): QueueEntry[] {
  return [...queue.values()].filter(({ nextAttemptAt }) => nextAttemptAt <= now)
    .sort((a, b) => a.nextAttemptAt - b.nextAttemptAt || (a.id < b.id ? -1 : 1));
}

/** The longest expired first. */
export function expiredSessions({ sessions, settings }: StoreState, now: number): SessionRow[] {
  const endOf = (row: SessionRow) => expiresAt(settings, row) ?? Infinity;
  return [...sessions.values()]
    .filter((row) => row.status === "active" && endOf(row) <= now)
    .sort((a, b) => endOf(a) - endOf(b));
}

/** Begun, and neither finished nor being made. */
export function staleSessions(
  { sessions, leases, settings }: StoreState,
  now: number,
): SessionRow[] {
  return [...sessions.values()].filter((row) =>
    row.status === "provisioning" &&
    row.createdAt <= now - settings.provisioningTimeoutMs &&
    (leases.get(row.id)?.until ?? -Infinity) <= now
  );
}

/** The expiry limit. */
export function expiryAllowed(
  state: StoreState,
  { now, force }: { now: number; force: boolean },
): boolean {
  const due = expiredSessions(state, now).length;
  if (force || due < state.settings.maxExpiryMinimum) return true;
  const active = [...state.sessions.values()].filter(({ status }) => status === "active").length;
  return due <= state.settings.maxExpiryFraction * active;
}

function expiresAt(settings: Settings, row: SessionRow): number | null {
  if (row.pinned) return null;
  return row.lastActivityAt + (row.ttl === null ? settings.sessionTtlMs : row.ttl * 1000);
}

export function viewOf(settings: Settings, row: SessionRow): SessionView {
  const { userId: _, createdAt, lastActivityAt, ...rest } = row;
  const end = expiresAt(settings, row);
  const iso = (time: number) => new Date(time).toISOString();
  return {
    ...rest,
    messageCount: 0,
    createdAt: iso(createdAt),
    updatedAt: iso(lastActivityAt),
    lastActivityAt: iso(lastActivityAt),
    expiresAt: end === null ? null : iso(end),
  };
}

/** The table of sessions, through the Data API and under row level security. @module */
import type { SupabaseClient } from "@supabase/supabase-js";
import { SessionsError } from "./error.ts";
import { mayPass } from "./passing.ts";
import type { Session } from "./wire.ts";

export const COLUMNS = "id,status,title,metadata,pinned,ttl,message_count,acontext_session_id," +
  "acontext_disk_id,created_at,updated_at,last_activity_at,expires_at";

export interface Row {
  id: string;
  status: Session["status"];
  title: string | null;
  metadata: Session["metadata"];
  pinned: boolean;
  /** As Postgres prints an interval. */
  ttl: string | null;
  message_count: number;
  acontext_session_id: string | null;
  acontext_disk_id: string | null;
  created_at: string;
  updated_at: string;
  last_activity_at: string;
  expires_at: string | null;
}

/** The table, not yet asked for anything. */
export function table(supabase: SupabaseClient) {
  return supabase.from("session_mappings");
}

export function toSession(row: Row): Session {
  return {
    id: row.id,
    status: row.status,
    title: row.title,
    metadata: row.metadata,
    pinned: row.pinned,
    ttl: row.ttl === null ? null : toSeconds(row.ttl),
    messageCount: row.message_count,
    acontextSessionId: row.acontext_session_id,
    acontextDiskId: row.acontext_disk_id,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    lastActivityAt: row.last_activity_at,
    expiresAt: row.expires_at,
  };
}

const DAY = 86_400;
/** As `extract(epoch from …)` counts. New lifetimes have neither years nor months. */
const UNITS: Record<string, number> = {
  y: 365.25 * DAY,
  mon: 30 * DAY,
  d: DAY,
  h: 3600,
  min: 60,
  s: 1,
};

/**
 * Whole seconds of an interval, in each `intervalstyle` that a project may have: `25:00:00`, `1 day 01:00:00`,
 * `@ 1 day 1 hour`, `1 1:00:00` and `PT25H`.
 */
export function toSeconds(interval: string): number {
  return Math.floor(interval.startsWith("P") ? ofIso(interval) : ofWords(interval));
}

function ofIso(interval: string): number {
  const [date = "", time = ""] = interval.slice(1).split("T");
  return sum(date.matchAll(/(-?[\d.]+)([YMD])/g), { Y: 365.25 * DAY, M: 30 * DAY, D: DAY }) +
    sum(time.matchAll(/(-?[\d.]+)([HMS])/g), { H: 3600, M: 60, S: 1 });
}

function ofWords(interval: string): number {
  const words = /([+-]?[\d.]+) (y|mon|d|h|min|s)[a-z]*/g;
  let seconds = sum(interval.matchAll(words), UNITS);
  // In the style of the standard, a lone number before the time counts days.
  const [, days] = /(?:^| )([+-]?\d+) [+-]?\d+:/.exec(interval) ?? [];
  seconds += Number(days ?? 0) * DAY;
  const time = /([+-]?)(\d+):(\d\d):(\d\d(?:\.\d+)?)/.exec(interval);
  if (time) {
    const [, sign, hours, minutes, rest] = time;
    const size = Number(hours) * 3600 + Number(minutes) * 60 + Number(rest);
    seconds += sign === "-" ? -size : size;
  }
  return interval.endsWith(" ago") ? -seconds : seconds;
}

function sum(found: Iterable<RegExpExecArray>, units: Record<string, number>): number {
  let seconds = 0;
  for (const [, count, unit = ""] of found) seconds += Number(count) * (units[unit] ?? 0);
  return seconds;
}

interface TableError {
  /** Missing in answers that are not PostgREST's. */
  code?: string;
  message: string;
}

/** What a failed request to the table means, in the functions' words. */
export function toError(error: TableError, status: number): SessionsError {
  const fail = (code: SessionsError["code"], message: string) =>
    new SessionsError({ code, message, status, cause: error });
  if (status === 0) return fail("network_error", "Cannot reach the project: no answer came");
  // PostgREST's own answers have a code. Without one it is the gateway before it.
  if (status === 401 && error.code === undefined) {
    return fail("unauthorized", "Cannot use the project: its gateway does not take the API key");
  }
  if (status === 401) {
    return fail("unauthorized", "Cannot authenticate: nobody is signed in, or the token expired");
  }
  if (status === 403) return fail("forbidden", "Cannot allow this: the user may not do it");
  if (mayPass({ code: error.code ?? "", status })) {
    return new SessionsError({
      code: "database_unavailable",
      message: "Cannot reach the database: it is unavailable or overloaded",
      status,
      retryAfter: 1,
      cause: error,
    });
  }
  if (status >= 500) {
    return fail("database_refused", "Cannot use the table: the database refused the request");
  }
  // The database checks what it stores; the name of a constraint begins with its column's.
  const path = /constraint "(title|metadata|ttl)_/.exec(error.message)?.[1];
  if (path === undefined && status !== 400) {
    return fail("unexpected_answer", `Cannot use the answer: its status is ${status}`);
  }
  return new SessionsError({
    code: "invalid_request",
    message: "Cannot read the request: a field is missing, unknown or invalid",
    status: 400,
    details: path === undefined ? null : [{ path, message: "is out of range" }],
    cause: error,
  });
}

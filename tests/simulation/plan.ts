/** What happens in a run, as data: everything that the seed decides and that shrinking may take away. @module */

import type { Fault } from "../../local/acontext/fault_rules.ts";
import type { Version } from "../../local/acontext/options.ts";
import type { WeatherName } from "./weather.ts";

export const SLOTS = 5;
export const USERS = 3;
/** Another deployment in the same Acontext project already uses this slot's id. */
export const FOREIGN_SLOT = 4;

/** What becomes of a process when its code goes on for the `at`th time. */
export type Fate =
  | { end: "crash"; at: number }
  | { end: "shut down"; at: number }
  | { end: "freeze"; at: number; ms: number };

export type Act =
  | {
    do: "create";
    slot: number | null;
    stranger: boolean;
    pinned: boolean;
    ttl: number | null;
    fate: Fate | null;
  }
  | { do: "use"; slot: number }
  /** A file of a few names, with content of which others may have the same. */
  | { do: "upload"; slot: number; name: number; content: number }
  | { do: "pin"; slot: number; pinned: boolean }
  | { do: "delete"; slot: number; stranger: boolean; fate: Fate | null }
  | { do: "restore"; slot: number }
  /** An app copies the remote session, with the mark that it carries. */
  | { do: "copy"; slot: number }
  | { do: "erase user"; user: number }
  | { do: "operator"; sql: OperatorSql; slot: number }
  | { do: "settings"; changes: Record<string, string | number | boolean | null> }
  /** What pg_cron starts; each delivery is so many milliseconds after the request was handed to pg_net. */
  | {
    do: "cron";
    job: Job;
    deliveries: number[];
    fate: Fate | null;
  }
  | {
    do: "run";
    task: "sweep" | "reconcile";
    dryRun: boolean;
    force: boolean;
    limit: number | null;
    fate: Fate | null;
  }
  | { do: "weather"; weather: WeatherName }
  /** The next request of this kind meets this fault, whatever the weather. */
  | { do: "mishap"; route: Route; fault: Fault }
  /** The next transaction that calls this function stays open for so long when it has done its work. */
  | { do: "linger"; call: Call; ms: number }
  /** The database's clock is set. */
  | { do: "skew"; ms: number }
  /** The function is pointed at an empty database for a while, and reconciles there. */
  | { do: "wrong database" };

/** Of pg_cron. */
export type Job = "nightly" | "retry" | "reconcile" | "purge";

/** As the stand-in's faults name requests. */
export type Route =
  | "POST /session"
  | "POST /disk"
  | "GET /session"
  | "GET /disk"
  | "DELETE /session/:id"
  | "DELETE /disk/:id"
  | "GET /disk/:id/artifact"
  | "DELETE /disk/:id/artifact";

/** Of the database's functions, those whose transactions are of interest to others while they are open. */
export type Call =
  | "acontext_begin_message"
  | "acontext_begin_session"
  | "acontext_claim_deletions"
  | "acontext_request_session_deletion"
  | "acontext_restore_session";

export type OperatorSql =
  | "delete row"
  | "delete all rows"
  | "delete queue row"
  | "truncate rows"
  | "truncate queue"
  | "bind other disk"
  | "insert active row";

/** One event: `wait` milliseconds after the one before. `key` seeds its details. */
export type Command = { wait: number; key: number } & Act;

export interface Profile {
  version: Version;
  /** Sessions that are there from the start. */
  population: number;
  concurrency: number;
  maxPerRun: number;
  maxWorkers: number;
  /** Seconds. */
  deletionGrace: number;
  orphanGrace: number;
  sessionTtl: number;
  maxExpiryMinimum: number;
  maxSessionsPerUser: number | null;
  maxRemoteDeletes: number;
  /** Share of transactions that stay open for a while when they have done their work. */
  meeting: number;
}

export interface Plan {
  seed: number;
  profile: Profile;
  commands: Command[];
}

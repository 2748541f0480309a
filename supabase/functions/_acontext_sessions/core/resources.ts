/**
 * The remote parts of a session, as creating, deleting and cleaning up need them.
 *
 * @module
 */
import type { Outcome } from "./ports.ts";

/**
 * The member of a session's `configs`, and of the `meta` of its messages and files, in which what we store in Acontext
 * carries our own notes. Callers may not use it.
 */
export const MARK = "acontext_sessions";

/** The most items that Acontext puts on one page of a list. */
export const PAGE_SIZE = 200;

/** Disks found for a session. */
export interface DiskListing {
  /** False when the server ignores owner labels: `ids` then holds every disk of the Acontext project. */
  filtered: boolean;
  ids: string[];
}

/**
 * What creating, deleting and cleaning up sessions asks of Acontext. Ids are lower-case UUIDs.
 *
 * The adapter knows this deployment's namespace; it marks what it makes with the namespace and the session's id, and
 * the two `find` calls return only what carries that mark.
 */
export interface RemoteResources {
  /** Every request but a delete is answered or given up within this time, body included; a `find` may make several. */
  readonly timeoutMs: number;
  /** Asks whether the service can read its database at all. */
  probe(): Promise<Outcome<null>>;
  /**
   * Makes the remote session of `sessionId`, or finds the one that an earlier call made. Servers that honour
   * `use_uuid` return the same id; old ones choose their own. An existing session without our mark is `rejected` with
   * detail `foreign_session`.
   */
  createSession(
    sessionId: string,
    options?: {
      /** Acontext's task agent does not read it; default false. */
      disableTaskTracking?: boolean;
    },
  ): Promise<Outcome<{ id: string }>>;
  /** Makes a disk labelled for `sessionId`. Not idempotent: after `unknown`, look with {@link findDisks}. */
  createDisk(sessionId: string): Promise<Outcome<{ id: string; labelled: boolean }>>;
  /** Deletes a remote session by its remote id. Given up after `limitMs`, and not before, it may still have an effect. */
  deleteSession(remoteId: string, limitMs: number): Promise<Outcome<null>>;
  /** Deletes a remote disk by its remote id, as {@link deleteSession}, with the files that are still on it. */
  deleteDisk(remoteId: string, limitMs: number): Promise<Outcome<null>>;
  /**
   * The paths of all files on a disk. `absent`: the server does not show them, whatever the reason; what has become of the
   * disk is for its delete to say.
   */
  findFiles(remoteDiskId: string): Promise<Outcome<string[]>>;
  /** Deletes one file by its path, as {@link deleteSession}. A missing file is `unknown`. */
  deleteFile(remoteDiskId: string, path: string, limitMs: number): Promise<Outcome<null>>;
  /**
   * Remote ids of the sessions that carry our mark for `sessionId`, without copies that somebody made of it. A successful
   * answer is complete.
   */
  findSessions(sessionId: string): Promise<Outcome<{ ids: string[] }>>;
  /** Disks that carry our label for `sessionId`. A successful answer is complete. */
  findDisks(sessionId: string): Promise<Outcome<DiskListing>>;
}

/**
 * The disk of a session in use: what is done with its files, without naming the session, the disk and the caller's
 * errors each time.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type { Clock, Log, Randomness, RemoteOutcome } from "../ports.ts";
import type { SessionKey } from "../sessions/ports.ts";
import { notedWrites } from "../sessions/during_write.ts";
import { type Failure, type UseDeps, useSession } from "../sessions/use_session.ts";
import type { FileLink, FilePlace, Files, RemoteDirectory, RemoteFile, Upload } from "./ports.ts";

export interface FileDeps extends UseDeps {
  files: Files;
  clock: Clock;
}

/** For what reads or writes content. */
export interface FileContentDeps extends FileDeps {
  random: Randomness;
}

/** Methods that give no outcome throw the caller's error when Acontext fails. */
export interface OpenDisk {
  sessionId: string;
  log: Log;
  list(path: string): Promise<RemoteDirectory>;
  /** Null when the list is too large. */
  listIfNotTooLarge(path: string): Promise<RemoteDirectory | null>;
  /** Null when Acontext says that there is no such file. */
  link(place: FilePlace, expires: number): Promise<FileLink | null>;
  tryOpen(link: FileLink): Promise<RemoteOutcome<ReadableStream<Uint8Array>>>;
  put(upload: Upload): Promise<RemoteFile>;
  tryPut(upload: Upload): Promise<RemoteOutcome<RemoteFile>>;
  tryRemove(place: FilePlace): Promise<RemoteOutcome<null>>;
  errorFor(failure: Failure): Promise<AppError>;
}

/** @throws {AppError} those of {@link useSession} */
export async function openDisk(
  deps: FileDeps,
  key: SessionKey,
  { action, writes: writesFiles }: { action: string; writes: boolean },
): Promise<OpenDisk> {
  const writes = notedWrites(deps, key);
  const session = await useSession(deps, key, { touch: true, writesFiles, needs: "disk", action });
  const { files, log } = deps;
  const { acontextDiskId: diskId, must, errorFor } = session;

  async function mustUnlessAbsent<Value>(
    call: Promise<RemoteOutcome<Value>>,
  ): Promise<Value | null> {
    const outcome = await call;
    if (outcome.kind === "absent") return null;
    if (outcome.kind === "done") return outcome.value;
    throw await errorFor(outcome);
  }

  async function listIfNotTooLarge(path: string): Promise<RemoteDirectory | null> {
    const listed = await files.list(diskId, path);
    // Acontext has no pages here, and the next answer is no smaller.
    if (listed.kind === "unavailable" && listed.detail === "too_large") return null;
    return await must(Promise.resolve(listed));
  }

  return {
    sessionId: key.sessionId,
    log,
    async list(path) {
      const listed = await listIfNotTooLarge(path);
      if (listed === null) throw new AppError("directory_too_large");
      return listed;
    },
    listIfNotTooLarge,
    link: (place, expires) => mustUnlessAbsent(files.link(diskId, place, expires)),
    tryOpen: ({ url }) => files.open(url),
    put: (upload) => must(writes.during(() => files.put(diskId, upload))),
    tryPut: (upload) => writes.during(() => files.put(diskId, upload)),
    tryRemove: (place) => writes.during(() => files.remove(diskId, place)),
    errorFor,
  };
}

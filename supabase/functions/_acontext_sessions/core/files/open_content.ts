/**
 * Opens a file's content, and tells content that is lost from a storage that does not answer.
 *
 * Acontext lists a file whose content its object storage no longer has, and links to it; reading answers the same error
 * as during an outage of that storage. So where it does, something else is stored, read and removed again. Only when that
 * works and the file still cannot be read is its content called lost.
 *
 * @module
 */
import type { Randomness, RemoteOutcome } from "../ports.ts";
import type { OpenDisk } from "./open_disk.ts";
import type { FileLink, Upload } from "./ports.ts";
import { dropCopy, stagingOf } from "./staging.ts";

/** Links are used at once. */
export const LINK_SECONDS = 300;

type Content =
  | { kind: "there"; stream: ReadableStream<Uint8Array> }
  /** The file was deleted since the link was made. */
  | { kind: "absent" }
  | { kind: "lost" };

/**
 * What a link leads to.
 *
 * @param findLink finds the link again: the file may have been replaced.
 * @throws {AppError} `acontext_unavailable`, and those of `findLink`
 */
export async function openContent(
  disk: OpenDisk,
  { link, random, findLink }: {
    link: FileLink;
    random: Randomness;
    findLink: () => Promise<FileLink | null>;
  },
): Promise<Content> {
  const opened = await disk.tryOpen(link);
  if (!isUnreadable(opened)) return await contentOf(disk, opened);
  if (!await storageWorks(disk, { path: link.file.path, random })) {
    throw await disk.errorFor(opened);
  }
  // The storage may have come back only now.
  const again = await findLink();
  if (again === null) return { kind: "absent" };
  const reopened = await disk.tryOpen(again);
  if (!isUnreadable(reopened)) return await contentOf(disk, reopened);
  disk.log.error("file_content_lost", { sessionId: disk.sessionId });
  return { kind: "lost" };
}

/** So Acontext answers when it has the file's record and cannot read its content, for whatever reason. */
function isUnreadable<Value>(
  outcome: RemoteOutcome<Value>,
): outcome is Extract<RemoteOutcome<Value>, { kind: "unavailable" }> {
  return outcome.kind === "unavailable" && outcome.detail === "http_500";
}

async function contentOf(
  disk: OpenDisk,
  opened: RemoteOutcome<ReadableStream<Uint8Array>>,
): Promise<Content> {
  if (opened.kind === "done") return { kind: "there", stream: opened.value };
  if (opened.kind === "absent") return { kind: "absent" };
  throw await disk.errorFor(opened);
}

/** Stores, reads and removes a file of a few bytes that are like no other's. Callers never see it. */
async function storageWorks(
  disk: OpenDisk,
  { path, random }: { path: string; random: Randomness },
): Promise<boolean> {
  const name = random.uuid();
  const bytes = new TextEncoder().encode(`Is the storage there? ${name}`);
  const witness: Upload = {
    path: stagingOf(path),
    filename: name,
    content: { contentType: "text/plain", bytes },
    stagedFor: null,
  };
  if ((await disk.tryPut(witness)).kind !== "done") return false;
  try {
    const link = await disk.link(witness, LINK_SECONDS);
    if (link === null) return false;
    const opened = await disk.tryOpen(link);
    if (opened.kind !== "done") return false;
    await opened.value.cancel();
    return true;
  } finally {
    await dropCopy(disk, witness);
  }
}

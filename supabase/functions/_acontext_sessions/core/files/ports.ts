/**
 * What the core needs from Acontext's disks. A path is absolute and begins and ends with "/".
 *
 * @module
 */
import type { FileContent, RemoteOutcome } from "../ports.ts";

export interface FilePlace {
  path: string;
  filename: string;
}

/** A file as callers see it. Times are ISO 8601 with an offset. */
export interface FileView extends FilePlace {
  /** Bytes. */
  size: number;
  contentType: string;
  createdAt: string;
  updatedAt: string;
}

/** A file as the disk has it. */
export interface RemoteFile extends FileView {
  /** The file that this one is to become, when it is a staged copy. */
  stagedFor: string | null;
}

/** What is directly in a directory. */
export interface RemoteDirectory {
  files: RemoteFile[];
  /** Names, without slashes. */
  directories: string[];
}

export interface Upload extends FilePlace {
  content: Omit<FileContent, "filename">;
  stagedFor: string | null;
}

/** A file and a URL to it that needs no key. */
export interface FileLink {
  file: RemoteFile;
  url: string;
}

/** The content of a file on its way. */
export interface Download {
  stream: ReadableStream<Uint8Array>;
  contentType: string;
}

/** The files of remote disks. */
export interface Files {
  list(diskId: string, path: string): Promise<RemoteOutcome<RemoteDirectory>>;
  /** A link that works for `expires` seconds. `absent`: the disk exists and has no such file. */
  link(diskId: string, place: FilePlace, expires: number): Promise<RemoteOutcome<FileLink>>;
  /** Deletes what is there under this name and then stores the file: not atomic. */
  put(diskId: string, upload: Upload): Promise<RemoteOutcome<RemoteFile>>;
  /** A missing file is `unknown`, as is any failure. */
  remove(diskId: string, place: FilePlace): Promise<RemoteOutcome<null>>;
  /**
   * Begins to read what a link leads to. `absent`: the link has expired. `unavailable` with the detail `http_500`: Acontext
   * knows the file and cannot read its content.
   */
  open(url: string): Promise<RemoteOutcome<ReadableStream<Uint8Array>>>;
}

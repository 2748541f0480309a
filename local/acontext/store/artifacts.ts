/** Artifacts: the files on a disk. @module */

import type { DatabaseSync } from "node:sqlite";
import { integer, type Row, text } from "../columns.ts";
import { type JsonObject, readObject } from "../json.ts";

export interface Artifact {
  diskId: string;
  path: string;
  filename: string;
  objectKey: string;
  sha256: string;
  mime: string;
  size: number;
  /** The caller's own part of the meta. */
  meta: JsonObject;
  createdAt: number;
  updatedAt: number;
}

export interface ArtifactStore {
  find(diskId: string, path: string, filename: string): Artifact | null;
  insert(artifact: Artifact): void;
  setMeta(artifact: Artifact, meta: JsonObject, updatedAt: number): void;
  delete(artifact: Artifact): void;
  /** Files directly in a directory. */
  list(diskId: string, path: string): Artifact[];
  /** All directories of the disk that hold a file. */
  paths(diskId: string): string[];
  /** One hash for each file of the disk. */
  hashes(diskId: string): string[];
  /** What live files are stored under, and on which disk they are. */
  uses(): { key: string; of: string }[];
}

function toArtifact(row: Row): Artifact {
  return {
    diskId: text(row, "disk_id"),
    path: text(row, "path"),
    filename: text(row, "filename"),
    objectKey: text(row, "object_key"),
    sha256: text(row, "sha256"),
    mime: text(row, "mime"),
    size: integer(row, "size"),
    meta: readObject(text(row, "meta")),
    createdAt: integer(row, "created_at"),
    updatedAt: integer(row, "updated_at"),
  };
}

export function createArtifactStore(database: DatabaseSync): ArtifactStore {
  const where = "where disk_id = ? and path = ? and filename = ?";
  const read = database.prepare(`select * from artifacts ${where}`);
  const insert = database.prepare("insert into artifacts values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const update = database.prepare(`update artifacts set meta = ?, updated_at = ? ${where}`);
  const remove = database.prepare(`delete from artifacts ${where}`);
  const inPath = database.prepare(
    "select * from artifacts where disk_id = ? and path = ? order by created_at, filename",
  );
  const paths = database.prepare("select distinct path from artifacts where disk_id = ?");
  const hashes = database.prepare("select sha256 from artifacts where disk_id = ?");
  const uses = database.prepare("select object_key, disk_id from artifacts");
  return {
    find(diskId, path, filename) {
      const row = read.get(diskId, path, filename);
      return row === undefined ? null : toArtifact(row);
    },
    insert(artifact) {
      insert.run(
        artifact.diskId,
        artifact.path,
        artifact.filename,
        artifact.objectKey,
        artifact.sha256,
        artifact.mime,
        artifact.size,
        JSON.stringify(artifact.meta),
        artifact.createdAt,
        artifact.updatedAt,
      );
    },
    setMeta({ diskId, path, filename }, meta, updatedAt) {
      update.run(JSON.stringify(meta), updatedAt, diskId, path, filename);
    },
    delete: ({ diskId, path, filename }) => void remove.run(diskId, path, filename),
    list: (diskId, path) => inPath.all(diskId, path).map(toArtifact),
    paths: (diskId) => paths.all(diskId).map((row) => text(row, "path")),
    hashes: (diskId) => hashes.all(diskId).map((row) => text(row, "sha256")),
    uses: () =>
      uses.all().map((row) => ({ key: text(row, "object_key"), of: text(row, "disk_id") })),
  };
}

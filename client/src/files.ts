import { type Context, invoke } from "./functions.ts";
import type { CallOptions } from "./retry.ts";
import type { Directory, FileDeletion, FileLink, FileView } from "./wire.ts";

/** Where a file is. `path` begins and ends with "/"; default "/". */
export interface Place {
  path?: string;
  filename: string;
}

export type Files = ReturnType<typeof createFiles>;

export function createFiles(context: Context) {
  return {
    /** What is directly in a directory. */
    async list(
      id: string,
      { path, signal }: { path?: string } & CallOptions = {},
    ): Promise<Directory> {
      return (await invoke<Directory>(context, pathOf(id), {
        method: "GET",
        query: { path },
        signal,
      })).data;
    },

    /**
     * Stores a file of up to 16 MiB with its content type; replaces the one in its place.
     *
     * @param file a `File`, or a `Blob` and its `filename`
     */
    async upload(
      id: string,
      file: Blob,
      { path, filename, signal }: Partial<Place> & CallOptions = {},
    ): Promise<FileView> {
      const body = new FormData();
      if (path !== undefined) body.set("path", path);
      if (filename !== undefined) body.set("filename", filename);
      body.set("file", file);
      return (await invoke<FileView>(context, pathOf(id), { method: "POST", body, signal })).data;
    },

    /** A link that works without a key for `expires` seconds: 60 to 86,400, default 3600. */
    async url(
      id: string,
      { path, filename, expires, signal }: Place & { expires?: number } & CallOptions,
    ): Promise<string> {
      const query = { path, filename, expires };
      const call = { method: "GET", query, signal } as const;
      return (await invoke<FileLink>(context, `${pathOf(id)}/url`, call)).data.url;
    },

    /** The content, through the function: no link leaves the project. */
    async download(id: string, { path, filename, signal }: Place & CallOptions): Promise<Blob> {
      const { data, headers } = await invoke<Blob>(context, `${pathOf(id)}/content`, {
        method: "GET",
        query: { path, filename },
        // supabase-js would read every other type as text.
        headers: { accept: "application/octet-stream" },
        signal,
      });
      return new Blob([data], { type: headers.get("x-file-type") ?? data.type });
    },

    /** `deleted: false`: there was none. */
    async remove(
      id: string,
      { path, filename, signal }: Place & CallOptions,
    ): Promise<FileDeletion> {
      const query = { path, filename };
      return (await invoke<FileDeletion>(context, pathOf(id), { method: "DELETE", query, signal }))
        .data;
    },
  };
}

function pathOf(id: string): string {
  return `session-files/${encodeURIComponent(id)}`;
}

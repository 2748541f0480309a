/** What a request is about, read off its path. @module */

import type { RemoteRequest } from "../remote.ts";

const DELETE = /^\/(session|disk)\/([0-9a-f-]{36})$/;

/** The remote id that a request deletes. */
export function deletedBy({ method, path }: RemoteRequest): string | null {
  return method === "DELETE" ? DELETE.exec(path)?.[2] ?? null : null;
}

/** What a request makes. */
export function madeBy({ method, path }: RemoteRequest): "session" | "disk" | null {
  if (method !== "POST") return null;
  return path === "/session" ? "session" : path === "/disk" ? "disk" : null;
}

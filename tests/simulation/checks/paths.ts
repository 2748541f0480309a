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

const LIST = /^\/(session|disk)\?(.*)$/;

/** What a list is asked for, by the mark that it looks for: `session <id>`, `disk <id>`; null for any other request. */
export function lookedFor({ method, path }: RemoteRequest, namespace: string): string | null {
  const [, kind, query] = LIST.exec(path) ?? [];
  if (method !== "GET" || query === undefined) return null;
  const params = new URLSearchParams(query);
  if (kind === "disk") {
    const label = params.get("user") ?? "";
    return label.startsWith(`${namespace}:`) ? `disk ${label.slice(namespace.length + 1)}` : null;
  }
  const { acontext_sessions: mark } = JSON.parse(params.get("filter_by_configs") ?? "{}");
  return typeof mark?.session_id === "string" ? `session ${mark.session_id}` : null;
}

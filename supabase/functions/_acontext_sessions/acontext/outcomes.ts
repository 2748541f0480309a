/**
 * Turns what came back from Acontext into an outcome of the closed set in core/ports.ts.
 *
 * @module
 */
import type { Outcome, RemoteOutcome } from "../core/ports.ts";
import { isEnvelope } from "./schemas.ts";
import type { Reply } from "./transport.ts";

/** What a call does: the same answer means different things for each. */
export type Purpose = "read" | "create" | "delete";

const DELETED: Outcome<null> = { kind: "done", value: null };
export const ABSENT: Outcome<never> = { kind: "absent" };
export const DOUBTFUL: RemoteOutcome<never> = { kind: "doubtful" };
/** The server would take a nil id for "no id" and any other text for a path, so neither is ever sent. */
export const BAD_ID: Outcome<never> = { kind: "rejected", status: 400, detail: "bad_id" };

/** True for an answer of Acontext's own with this status; a gateway's does not count. */
export function claims({ httpStatus, content }: Reply, status: number): boolean {
  return httpStatus === status && isEnvelope(content);
}

/** The outcome of a delete. On the sweep's hot path: a plain success costs two comparisons. */
export function deletion(reply: Reply): Outcome<null> {
  const success = successOf(reply);
  if (success === null) return failureOf(reply, "delete");
  return success.code === 0 ? DELETED : badShape("delete");
}

/** The `data` of a successful answer, or the outcome that it is instead. */
export function dataOf(reply: Reply, purpose: Purpose): Outcome<unknown> {
  const success = successOf(reply);
  if (success === null) return failureOf(reply, purpose);
  return success.code === 0 ? { kind: "done", value: success.data } : badShape(purpose);
}

/** An answer that says "success" in a shape we do not know: no list, and for a write no proof either way. */
export function badShape(purpose: Purpose): Outcome<never> {
  return { kind: purpose === "read" ? "unavailable" : "unknown", detail: "bad_shape" };
}

/** Null when the status is not one of success. `code: -1` when the body is not Acontext's. */
function successOf(reply: Reply): { code: number; data?: unknown } | null {
  if (reply.httpStatus !== 200 && reply.httpStatus !== 201) return null;
  return isEnvelope(reply.content) ? reply.content : { code: -1 };
}

function failureOf(reply: Reply, purpose: Purpose): Outcome<never> {
  const status = reply.httpStatus;
  if (reply.failure !== null) {
    const harmless = reply.failure === "refused" ||
      (reply.failure === "too_large" && purpose === "read");
    return { kind: harmless ? "unavailable" : "unknown", detail: reply.failure };
  }
  const detail = `http_${status}`;
  if (status >= 200 && status < 300) return badShape(purpose);
  if (status === 429) return { kind: "throttled", retryAfterMs: reply.retryAfterMs };
  if (status === 503) return { kind: "unavailable", detail };
  // A gateway that lost its server or stopped waiting for it: a write may have gone through.
  if (status === 502 || status === 504) {
    return { kind: purpose === "read" ? "unavailable" : "unknown", detail };
  }
  if (status >= 500) return { kind: "unknown", detail };
  // Redirects, a wrong key, and whatever a gateway or another service says: not Acontext's verdict on this request.
  if (status < 400 || status === 401 || !isEnvelope(reply.content)) {
    return { kind: "unavailable", detail };
  }
  if (status === 404 && purpose === "delete") return ABSENT;
  // Only ids can be missing or foreign. A missing or forbidden route means a wrong address or a key without rights.
  if ((status === 404 || status === 403) && purpose !== "delete") {
    return { kind: "unavailable", detail };
  }
  return { kind: "rejected", status, detail };
}

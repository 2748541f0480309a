/**
 * The way into a session for everything that uses one, and what a failing Acontext means for it.
 *
 * @module
 */
import { AppError, type ErrorCode } from "../errors.ts";
import type { RemoteIds, SessionKey, Unusable, UseStore } from "./ports.ts";
import type { Log, RemoteOutcome } from "../ports.ts";
import type { Acontext } from "../resources.ts";

export interface UseDeps {
  sessions: UseStore;
  acontext: Acontext;
  log: Log;
}

export type Failure = Exclude<RemoteOutcome<never>, { kind: "done" }>;

const UNUSABLE = {
  not_found: "session_not_found",
  provisioning: "session_not_ready",
  deleting: "session_deleting",
  expired: "session_expired",
} as const satisfies Record<Unusable["outcome"], ErrorCode>;

/**
 * The session's remote ids, when it is the caller's and alive.
 *
 * @throws {AppError} `session_not_found`, `session_not_ready`, `session_deleting`, `session_expired`, `database_unavailable`
 */
export async function enter(
  { sessions }: Pick<UseDeps, "sessions">,
  key: SessionKey,
  use: { touch: boolean; newMessages?: number },
): Promise<RemoteIds> {
  const used = await sessions.useSession(key, { newMessages: 0, ...use });
  if (used.outcome !== "ok") throw unusable(used);
  return used;
}

export function unusable({ outcome }: Unusable): AppError {
  return new AppError(UNUSABLE[outcome]);
}

interface FailureContext {
  key: SessionKey;
  ids: RemoteIds;
  /** Which of the two the call needed. */
  needs: "session" | "disk";
  /** What cannot be done, as in "load the messages". */
  action: string;
  /** When Acontext refused what the caller asked for; by default `acontext_rejected`. */
  refused?: () => AppError;
  /** When it refused for no reason that one can see, although the resource is there; by default `acontext_unavailable`. */
  doubted?: () => AppError | Promise<AppError>;
}

/** The error that a failed call to Acontext is for the caller. */
export async function explain(
  deps: UseDeps,
  failure: Failure,
  context: FailureContext,
): Promise<AppError> {
  const { action, refused = () => rejected(action) } = context;
  switch (failure.kind) {
    case "throttled":
      return unavailable(action, Math.ceil(failure.retryAfterMs / 1000));
    case "unavailable":
    case "unknown":
      return unavailable(action);
    case "rejected":
      return refused();
    case "absent":
    case "doubtful":
      return await explainDoubt(deps, context);
  }
}

/** A list decides: it fails when Acontext does, and else it tells whether the resource is there. */
async function explainDoubt(
  deps: UseDeps,
  { key, ids, needs, action, doubted = () => unavailable(action) }: FailureContext,
): Promise<AppError> {
  const { acontext, log } = deps;
  const found = needs === "session"
    ? await acontext.findSessions(key.sessionId)
    : await acontext.findDisks(key.sessionId);
  if (found.kind !== "done") return unavailable(action);
  const wanted = needs === "session" ? ids.acontextSessionId : ids.acontextDiskId;
  if (found.value.ids.includes(wanted)) return await doubted();
  // Gone. That is as it should be when the session was deleted while this call was under way.
  const now = await deps.sessions.useSession(key, { touch: false, newMessages: 0 });
  if (now.outcome !== "ok") return unusable(now);
  log.error("acontext_inconsistent", { sessionId: key.sessionId, missing: needs });
  return new AppError("acontext_inconsistent", {
    message: `Cannot ${action}: Acontext no longer has the session's ${
      needs === "session" ? "messages" : "files"
    }`,
  });
}

export function unavailable(action: string, retryAfterSeconds = 5): AppError {
  return new AppError("acontext_unavailable", {
    message: `Cannot ${action}: Acontext is unavailable or overloaded`,
    retryAfterSeconds: Math.max(1, retryAfterSeconds),
  });
}

function rejected(action: string): AppError {
  return new AppError("acontext_rejected", { message: `Cannot ${action}: Acontext refused it` });
}

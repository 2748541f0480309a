/**
 * The way into a session for every call that uses one, and what a failing call to Acontext means for its caller.
 *
 * @module
 */
import { AppError, type ErrorCode } from "../errors.ts";
import type { Log, RemoteOutcome } from "../ports.ts";
import type { RemoteResources } from "../resources.ts";
import { REFUSED_USER } from "./refused_user.ts";
import { rateLimited } from "./over_limit.ts";
import type { RemoteIds, SessionKey, Unusable, UseStore } from "./ports.ts";

export interface UseDeps {
  sessions: UseStore;
  acontext: RemoteResources;
  log: Log;
}

export type Failure = Exclude<RemoteOutcome<never>, { kind: "done" }>;

/** What a session is used for. */
export interface Purpose {
  /** The remote resource that is needed. */
  needs: "session" | "disk";
  /** For error messages, as in "load the messages". */
  action: string;
}

/** Errors for what only the call itself can explain. */
interface Explanations {
  /** When Acontext refused what the caller asked for; by default `acontext_rejected`. */
  refused?: () => AppError;
  /** When it refused for no visible reason although the resource exists; by default `acontext_unavailable`. */
  doubted?: () => AppError | Promise<AppError>;
}

/** A session in use: its remote ids, and the errors for calls that fail. */
export interface SessionInUse extends RemoteIds {
  key: SessionKey;
  /** The value of a successful call to Acontext; anything else is thrown as the caller's error. */
  must<Value>(call: Promise<RemoteOutcome<Value>>): Promise<Value>;
  /** The error that a failed call to Acontext is for the caller. */
  errorFor(failure: Failure, explanations?: Explanations): Promise<AppError>;
  unavailable(): AppError;
}

const UNUSABLE = {
  not_found: "session_not_found",
  provisioning: "session_not_ready",
  deleting: "session_deleting",
  expired: "session_expired",
  ...REFUSED_USER,
} as const satisfies Record<Unusable["outcome"], ErrorCode>;

/**
 * The session, when it is the caller's and alive.
 *
 * @param purpose.writesFiles As opposed to storing a message, which has its own way in.
 * @throws {AppError} `session_not_found`, `session_not_ready`, `session_deleting`, `session_expired`,
 *   `user_deleted`, `user_banned`, `rate_limited` for a write and those of the store
 */
export async function useSession(
  deps: UseDeps,
  key: SessionKey,
  { touch, writesFiles = false, ...purpose }: Purpose & { touch: boolean; writesFiles?: boolean },
): Promise<SessionInUse & { storedMessages: number | null }> {
  const used = writesFiles
    ? await deps.sessions.beginFileWrite(key)
    : await deps.sessions.useSession(key, { touch, writes: false });
  if (used.outcome === "rate_limited") throw rateLimited(used, purpose.action);
  if (used.outcome !== "ok") throw unusable(used);
  const { storedMessages } = used;
  return { ...sessionInUse(deps, key, { ids: used, ...purpose }), storedMessages };
}

export function unusable(used: Unusable | { outcome: "full"; limit: number }): AppError {
  if (used.outcome !== "full") return new AppError(UNUSABLE[used.outcome]);
  return new AppError("session_full", {
    message:
      `Cannot store the message: the limit of ${used.limit} messages in a session is reached`,
  });
}

/** A session that the database has let the caller use. */
export function sessionInUse(
  { sessions, acontext, log }: UseDeps,
  key: SessionKey,
  { ids, needs, action }: Purpose & { ids: RemoteIds },
): SessionInUse {
  const { acontextSessionId, acontextDiskId } = ids;

  async function must<Value>(call: Promise<RemoteOutcome<Value>>): Promise<Value> {
    const outcome = await call;
    if (outcome.kind === "done") return outcome.value;
    throw await errorFor(outcome);
  }

  async function errorFor(
    failure: Failure,
    { refused = rejected, doubted = unavailable }: Explanations = {},
  ): Promise<AppError> {
    switch (failure.kind) {
      case "throttled":
        return unavailable(failure.retryAfterMs);
      case "unavailable":
      case "unknown":
        return unavailable();
      case "rejected":
        return refused();
      case "absent":
      case "doubtful":
        return await explainDoubt(doubted);
    }
  }

  /** A list decides: it fails when Acontext does, and otherwise it shows whether the resource exists. */
  async function explainDoubt(doubted: () => AppError | Promise<AppError>): Promise<AppError> {
    const found = needs === "session"
      ? await acontext.findSessions(key.sessionId)
      : await acontext.findDisks(key.sessionId);
    if (found.kind !== "done") return unavailable();
    const wanted = needs === "session" ? acontextSessionId : acontextDiskId;
    if (found.value.ids.includes(wanted)) return await doubted();
    // Gone. That is as it should be when the session was deleted while the call was under way.
    const now = await sessions.useSession(key, { touch: false, writes: false });
    if (now.outcome !== "ok") return unusable(now);
    log.error("acontext_inconsistent", { sessionId: key.sessionId, missing: needs });
    return new AppError("acontext_inconsistent", {
      message: `Cannot ${action}: Acontext no longer has the session's ${
        needs === "session" ? "messages" : "files"
      }`,
    });
  }

  function unavailable(retryAfterMs?: number): AppError {
    return new AppError("acontext_unavailable", {
      message: `Cannot ${action}: Acontext is unavailable or overloaded`,
      ...(retryAfterMs !== undefined && { retryAfterSeconds: retryAfterMs / 1000 }),
    });
  }

  function rejected(): AppError {
    return new AppError("acontext_rejected", { message: `Cannot ${action}: Acontext refused it` });
  }

  return { key, acontextSessionId, acontextDiskId, must, errorFor, unavailable };
}

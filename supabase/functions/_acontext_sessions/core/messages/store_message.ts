/**
 * Stores a message, and with an idempotency key stores it once. See docs/decisions/0010-message-idempotency.md.
 *
 * @module
 */
import { AppError } from "../errors.ts";
import type {
  MessageKey,
  MessageResult,
  Messages,
  MessageStore,
  NewMessage,
  StoredMessage,
} from "./ports.ts";
import type { RemoteIds, SessionKey } from "../sessions/ports.ts";
import type { HeldLease } from "../lease.ts";
import type { Clock, Randomness } from "../ports.ts";
import {
  enter,
  explain,
  type Failure,
  unavailable,
  unusable,
  type UseDeps,
} from "../sessions/use_session.ts";

const ACTION = "store the message";
/** How long after taking the lease a message may be sent. */
const WORK_MS = 20_000;

export interface StoreMessageDeps extends UseDeps {
  sessions: MessageStore;
  messages: Messages;
  clock: Clock;
  random: Randomness;
}

interface Stored {
  /** False when an earlier call with the same key stored it. */
  created: boolean;
  message: StoredMessage;
}

/** Which record of the database speaks for this call; null without an idempotency key. */
type Claim = { leaseId: string; keyHash: string } | null;

interface Attempt {
  key: SessionKey;
  ids: RemoteIds;
  message: NewMessage;
  claim: Claim;
}

/**
 * Stores `message` at the end of the session's conversation.
 *
 * @throws {AppError} those of {@link enter}, `idempotency_busy`, `idempotency_mismatch`, `message_rejected`,
 *   `message_uncertain`, `acontext_unavailable`, `acontext_inconsistent`
 */
export async function storeMessage(
  deps: StoreMessageDeps,
  input: { key: SessionKey; message: NewMessage; idempotency: MessageKey | null },
): Promise<Stored> {
  const { key, message, idempotency } = input;
  if (idempotency !== null) return await storeOnce(deps, { key, message, idempotency });
  const ids = await enter(deps, key, { touch: true, newMessages: 1 });
  const attempt = { key, ids, message, claim: null };
  const outcome = await deps.messages.store(ids.acontextSessionId, message, null);
  if (outcome.kind === "done") return { created: true, message: outcome.value };
  if (outcome.kind === "unknown") {
    throw new AppError("message_uncertain", {
      hint: "Look for the message before sending it again, or send an Idempotency-Key next time",
    });
  }
  throw await giveUp(deps, attempt, { failure: outcome, sent: true });
}

async function storeOnce(
  deps: StoreMessageDeps,
  { key, message, idempotency }: {
    key: SessionKey;
    message: NewMessage;
    idempotency: MessageKey;
  },
): Promise<Stored> {
  const { sessions, messages, clock } = deps;
  const lease = newMessageLease(deps);
  const begun = await sessions.beginMessage(key, idempotency, lease);
  switch (begun.outcome) {
    case "started":
    case "resumed":
      break;
    case "stored":
      return { created: false, message: begun.message };
    case "busy":
      throw new AppError("idempotency_busy", { retryAfterSeconds: begun.retryAfterMs / 1000 });
    case "mismatch":
      throw new AppError("idempotency_mismatch");
    default:
      throw unusable(begun);
  }

  const { acontextSessionId: remoteId, mark } = begun;
  const claim = { leaseId: lease.leaseId, keyHash: idempotency.keyHash };
  const attempt = { key, ids: begun, message, claim };
  if (begun.outcome === "resumed") {
    const found = await messages.find(remoteId, mark);
    if (found.kind !== "done") throw await giveUp(deps, attempt, { failure: found, sent: false });
    if (found.value !== null) return await keep(deps, attempt, found.value, { created: false });
  }
  // Whoever holds the lease after this would look in vain for what we send now.
  if (clock.now() > lease.deadline) {
    await settle(deps, attempt, "failed");
    throw unavailable(ACTION);
  }
  const outcome = await messages.store(remoteId, message, mark);
  if (outcome.kind === "done") return await keep(deps, attempt, outcome.value, { created: true });
  if (outcome.kind !== "unknown") {
    throw await giveUp(deps, attempt, { failure: outcome, sent: true });
  }
  const found = await messages.find(remoteId, mark);
  if (found.kind === "done" && found.value !== null) {
    return await keep(deps, attempt, found.value, { created: true });
  }
  // It may still land. The lease keeps repeated calls waiting until that is no longer to be expected.
  throw new AppError("message_uncertain", { retryAfterSeconds: lease.leaseSeconds });
}

/** Long enough for a message that is sent at the deadline and lands after we gave it up. */
function newMessageLease({ acontext, clock, random }: StoreMessageDeps): HeldLease {
  return {
    leaseId: random.uuid(),
    leaseSeconds: Math.ceil((WORK_MS + 4 * acontext.timeoutMs) / 1000),
    deadline: clock.now() + WORK_MS,
  };
}

/** Records the message under its key. Failing at it costs a later call with the key one look into Acontext. */
async function keep(
  deps: StoreMessageDeps,
  attempt: Attempt,
  message: StoredMessage,
  { created }: { created: boolean },
): Promise<Stored> {
  await settle(deps, attempt, "stored", message);
  return { created, message };
}

/** Takes the count back, frees the key as far as that is safe, and gives the error to throw. */
async function giveUp(
  deps: StoreMessageDeps,
  attempt: Attempt,
  { failure, sent }: { failure: Failure; sent: boolean },
): Promise<AppError> {
  // Only these are Acontext's own word that nothing was stored. After anything else the next call with the key looks first.
  const certain = failure.kind === "rejected" || failure.kind === "throttled";
  const active = await settle(deps, attempt, certain ? "refused" : "failed");
  if (!active) return new AppError("session_deleting");
  return await explain(deps, failure, {
    ...attempt,
    needs: "session",
    action: ACTION,
    refused,
    // Of what fits its format, only a Gemini response can still not fit the conversation: it has to answer a call.
    ...(attempt.message.format === "gemini" && sent ? { doubted: refused } : {}),
  });
}

function refused(): AppError {
  return new AppError("message_rejected");
}

/** Answers whether the session is still active, as far as one knows. */
async function settle(
  { sessions, log }: StoreMessageDeps,
  { key: { sessionId }, claim }: Attempt,
  result: MessageResult,
  message: StoredMessage | null = null,
): Promise<boolean> {
  try {
    return (await sessions.settleMessage({ sessionId, result, claim, message })).active;
  } catch {
    log.warn("settle_message_failed", { sessionId, result });
    return true;
  }
}

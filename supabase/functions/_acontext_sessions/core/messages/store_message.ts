/**
 * Stores a message, and with an idempotency key stores it once. See docs/decisions/0010-message-idempotency.md.
 *
 * @module
 */
import { AppError, describeError } from "../errors.ts";
import { newLease } from "../lease.ts";
import type { Clock, Randomness } from "../ports.ts";
import type { SessionKey } from "../sessions/ports.ts";
import { rateLimited } from "../sessions/over_limit.ts";
import { notedWrites } from "../sessions/during_write.ts";
import {
  type Failure,
  type SessionInUse,
  sessionInUse,
  unusable,
  type UseDeps,
} from "../sessions/use_session.ts";
import type {
  MessageKey,
  MessageResult,
  Messages,
  MessageStore,
  NewMessage,
  StoredMessage,
} from "./ports.ts";

const PURPOSE = { needs: "session", action: "store the message" } as const;
/** Long enough for a message that is sent at the deadline and arrives after we gave it up. */
const LEASE = { workMs: 20_000, timeouts: 4 } as const;

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

/** The database's record of this call. */
interface Claim {
  leaseId: string;
  keyHash: string;
}

/**
 * Stores `message` after the session's other messages.
 *
 * The database knows of every message what became of it, with an idempotency key or without, so that a load can tell
 * whether messages are missing.
 *
 * @throws {AppError} those of `useSession`, `session_full`, `rate_limited`, `idempotency_busy`, `idempotency_mismatch`,
 *   `message_rejected`, `message_uncertain`, `acontext_unavailable`, `acontext_inconsistent`
 */
export async function storeMessage(
  deps: StoreMessageDeps,
  { key, message, idempotency }: {
    key: SessionKey;
    message: NewMessage;
    /** Null: repeated, the call stores another message. */
    idempotency: MessageKey | null;
  },
): Promise<Stored> {
  const { sessions, messages, clock } = deps;
  const { keyHash, bodyHash } = idempotency ?? keyOfItsOwn(deps);
  const lease = newLease(deps, LEASE);
  const writes = notedWrites(deps, key);
  const begun = await sessions.beginMessage(key, { keyHash, bodyHash }, lease);
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
    case "rate_limited":
      throw rateLimited(begun, PURPOSE.action);
    default:
      throw unusable(begun);
  }

  const { acontextSessionId: remoteId, mark } = begun;
  const session = sessionInUse(deps, key, { ids: begun, ...PURPOSE });
  const claim = { leaseId: lease.leaseId, keyHash };
  // Those that the database knows of; the one in question is not among them.
  const atLeast = begun.storedMessages ?? 0;
  const attempt = new Attempt(deps, session, claim);
  if (begun.outcome === "resumed") {
    const found = await messages.find(remoteId, mark, { atLeast });
    if (found.kind !== "done") throw await attempt.giveUp(found);
    if (found.value !== null) return await attempt.keep(found.value, { created: false });
  }
  // A later holder of the lease would look before a message sent now has arrived, and send it again.
  if (clock.now() > lease.deadline) {
    await attempt.settle("failed");
    throw session.unavailable();
  }
  const outcome = await writes.during(() => messages.store(remoteId, message, mark));
  if (outcome.kind === "done") return await attempt.keep(outcome.value, { created: true });
  if (outcome.kind !== "unknown") throw await attempt.giveUp(outcome);
  const found = await messages.find(remoteId, mark, { atLeast });
  if (found.kind === "done" && found.value !== null) {
    return await attempt.keep(found.value, { created: true });
  }
  // It may still arrive. The lease makes repeated calls wait until that can no longer be expected.
  throw idempotency === null
    ? new AppError("message_uncertain", {
      hint: "Look for the message before sending it again, or send an Idempotency-Key next time",
    })
    : new AppError("message_uncertain", { retryAfterSeconds: lease.leaseSeconds });
}

/** A key that no other call has: two random ids in place of a hash. */
function keyOfItsOwn({ random }: StoreMessageDeps): MessageKey {
  const keyHash = `${random.uuid()}${random.uuid()}`.replaceAll("-", "");
  return { keyHash, bodyHash: keyHash };
}

/** A message that the database has counted, and how that is settled. */
class Attempt {
  readonly #deps: StoreMessageDeps;
  readonly #session: SessionInUse;
  readonly #claim: Claim;

  constructor(deps: StoreMessageDeps, session: SessionInUse, claim: Claim) {
    this.#deps = deps;
    this.#session = session;
    this.#claim = claim;
  }

  /** Records the message under its key. When that fails, a later call with the key has to look into Acontext once. */
  async keep(message: StoredMessage, { created }: { created: boolean }): Promise<Stored> {
    const active = await this.settle("stored", message);
    if (!active) throw new AppError("session_deleting");
    return { created, message };
  }

  /** Takes the count back, frees the key as far as that is safe, and gives the error to throw. */
  async giveUp(failure: Failure): Promise<AppError> {
    // Only in these does Acontext itself say that nothing was stored. After anything else the next call with the key
    // looks first.
    const certain = failure.kind === "rejected" || failure.kind === "throttled";
    const active = await this.settle(certain ? "refused" : "failed");
    if (!active) return new AppError("session_deleting");
    return await this.#session.errorFor(failure, { refused });
  }

  /** Resolves to whether the session is still active, as far as is known. */
  async settle(result: MessageResult, message: StoredMessage | null = null): Promise<boolean> {
    const { sessions, log } = this.#deps;
    const { sessionId } = this.#session.key;
    try {
      const claim = this.#claim;
      return (await sessions.settleMessage({ sessionId, result, claim, message })).active;
    } catch (error) {
      log.warn("settle_message_failed", { sessionId, result, ...describeError(error) });
      return true;
    }
  }
}

function refused(): AppError {
  return new AppError("message_rejected");
}

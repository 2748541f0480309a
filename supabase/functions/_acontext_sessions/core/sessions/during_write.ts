/**
 * Keeps writes to a session's remote resources and its deletion apart.
 *
 * The call that lets somebody use a session for writing notes the write. Acontext counts references once a second, so
 * nothing of the session is deleted within three seconds of it. A write that lasts is noted every second. One that comes
 * later than that asks again whether it may: the session may have been deleted meanwhile. Most begin and end within the
 * first second, and cost nothing here.
 *
 * @module
 */
import { describeError } from "../errors.ts";
import type { Clock, Log } from "../ports.ts";
import type { SessionKey, UseStore } from "./ports.ts";
import { unusable } from "./use_session.ts";

const NOTE_EVERY_MS = 1_000;

export interface Writes {
  /**
   * What `write` resolves to.
   *
   * @throws {AppError} those of `useSession`, when the session can no longer be used; then `write` was not begun
   */
  during<Value>(write: () => Promise<Value>): Promise<Value>;
}

/** The writes of one caller to a session; to be made before the call that notes the first one. */
export function notedWrites(
  { sessions, clock, log }: {
    sessions: Pick<UseStore, "useSession" | "noteWrite">;
    clock: Clock;
    log: Log;
  },
  key: SessionKey,
): Writes {
  let notedAt = clock.now();

  return {
    async during(write) {
      if (left() <= 0) await askAgain();
      const before = notedAt;
      const ended = new AbortController();
      const noting = noteUntil(ended.signal);
      try {
        return await write();
      } finally {
        ended.abort();
        await noting;
        if (notedAt !== before) await note();
      }
    },
  };

  async function noteUntil(signal: AbortSignal): Promise<void> {
    while (true) {
      await clock.sleep(left(), signal);
      if (signal.aborted) return;
      await note();
    }
  }

  function left(): number {
    return notedAt + NOTE_EVERY_MS - clock.now();
  }

  async function askAgain(): Promise<void> {
    notedAt = clock.now();
    const used = await sessions.useSession(key, { touch: false, writes: true });
    if (used.outcome !== "ok") throw unusable(used);
  }

  async function note(): Promise<void> {
    // The database notes it when the call arrives.
    notedAt = clock.now();
    try {
      await sessions.noteWrite(key.sessionId);
    } catch (error) {
      log.warn("note_write_failed", { sessionId: key.sessionId, ...describeError(error) });
    }
  }
}

/**
 * Tells the database, while something is being written to a session's remote resources, that this still goes on.
 *
 * The call that lets somebody use a session for writing notes the write. Acontext counts references once a second, so
 * nothing of the session may be deleted within three seconds of the last write: of one that comes later than that call, or
 * takes long, that means of its end. Most are over before the first second is, and cost nothing here.
 *
 * @module
 */
import type { Clock, Log } from "../ports.ts";
import type { UseStore } from "./ports.ts";

const NOTE_EVERY_MS = 1_000;

export interface Writes {
  /** What `write` resolves to. */
  during<Value>(write: () => Promise<Value>): Promise<Value>;
}

/** The writes of one caller to a session; to be made before the call that notes the first one. */
export function notedWrites(
  { sessions, clock, log }: { sessions: Pick<UseStore, "noteWrite">; clock: Clock; log: Log },
  sessionId: string,
): Writes {
  let notedAt = clock.now();

  return {
    async during(write) {
      const before = notedAt;
      const ended = new AbortController();
      const noting = noteUntil(ended.signal);
      try {
        return await write();
      } finally {
        ended.abort();
        await noting;
        if (notedAt !== before || left() <= 0) await note();
      }
    },
  };

  async function noteUntil(signal: AbortSignal): Promise<void> {
    while (true) {
      if (left() > 0) await clock.sleep(left(), signal);
      if (signal.aborted) return;
      await note();
    }
  }

  function left(): number {
    return notedAt + NOTE_EVERY_MS - clock.now();
  }

  async function note(): Promise<void> {
    // The database notes it when the call arrives.
    notedAt = clock.now();
    try {
      await sessions.noteWrite(sessionId);
    } catch {
      log.warn("note_write_failed", { sessionId });
    }
  }
}

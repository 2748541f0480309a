/**
 * Tells the database, while something is being written to a session's remote resources, that this still goes on.
 *
 * A write is noted when it begins. Acontext counts references once a second, so nothing of the session may be deleted
 * within three seconds of the last write: of one that takes long, that means of its end. Most are over before the first
 * second is, and cost nothing here.
 *
 * @module
 */
import type { Clock, Log } from "../ports.ts";
import type { UseStore } from "./ports.ts";

const NOTE_EVERY_MS = 1_000;

/** What `write` resolves to. */
export async function duringWrite<Value>(
  { sessions, clock, log }: { sessions: Pick<UseStore, "noteWrite">; clock: Clock; log: Log },
  sessionId: string,
  write: () => Promise<Value>,
): Promise<Value> {
  const ended = new AbortController();
  const from = clock.now();
  const noting = noteUntil(ended.signal);
  try {
    return await write();
  } finally {
    ended.abort();
    await noting;
    if (clock.now() - from >= NOTE_EVERY_MS) await note();
  }

  async function noteUntil(signal: AbortSignal): Promise<void> {
    while (true) {
      await clock.sleep(NOTE_EVERY_MS, signal);
      if (signal.aborted) return;
      await note();
    }
  }

  async function note(): Promise<void> {
    try {
      await sessions.noteWrite(sessionId);
    } catch {
      log.warn("note_write_failed", { sessionId });
    }
  }
}

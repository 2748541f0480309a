/**
 * Content that is deleted, as the server does it: step by step, and outside the transaction that deletes the rows.
 *
 * When the caller goes away or the server dies between two steps, the rows come back and what was counted down stays
 * down: the next attempt counts down again, and content that others use goes. (Session and disk deletes of API 0.1.41.)
 *
 * @module
 */

import { dropped } from "./fault_effects.ts";
import type { Call, State } from "./state.ts";
import type { StoredObject } from "./store/objects.ts";

/** The object storage does not answer. */
export class StorageDown extends Error {}

/** One request to the object storage. @throws when it is down, or when the work ends here. */
export async function storageStep(call: Call, state: State): Promise<void> {
  await goOn(call, state, state.storage.latencyMs);
  if (state.storage.down) throw new StorageDown("storage is down");
}

/** Waits `ms`, and ends the work when its caller has gone away or the server dies. */
export async function goOn(call: Call, state: State, ms = 0): Promise<void> {
  await state.sleep(ms);
  if (call.request.signal.aborted) throw dropped();
  if (call.diesAfter === undefined) return;
  call.diesAfter -= 1;
  if (call.diesAfter < 0) throw dropped();
}

/** Runs a delete, which holds a connection as long as it takes. */
export async function inTransaction<T>(
  call: Call,
  state: State,
  work: () => Promise<T>,
): Promise<T> {
  const held = state.connections.hold(call.request.signal);
  const giveBack = held instanceof Promise ? await held : held;
  try {
    return await work();
  } finally {
    giveBack();
  }
}

/** Null when it is gone, and when the storage does not answer: callers do not tell these apart. */
export function readObject(state: State, key: string): StoredObject | null {
  return state.storage.down ? null : state.objects.get(key);
}

/**
 * Takes one use for each mention of a hash; what nobody uses any more goes. In an order of its own: that of the hashes here,
 * a random one there.
 */
export async function countDown(
  call: Call,
  state: State,
  hashes: readonly string[],
): Promise<void> {
  const uses = new Map<string, number>();
  for (const sha256 of hashes) uses.set(sha256, (uses.get(sha256) ?? 0) + 1);
  for (const [sha256, count] of [...uses].toSorted(([a], [b]) => a < b ? -1 : 1)) {
    await goOn(call, state);
    // Not the connection of the transaction that deletes the row.
    const connection = state.connections.moment(call.request.signal);
    if (connection !== null) await connection;
    const reference = state.references.find(call.projectId, sha256);
    if (reference === null) continue;
    if (reference.count > count) {
      state.references.subtract(call.projectId, sha256, count);
      continue;
    }
    await storageStep(call, state);
    state.objects.delete(reference.key);
    state.references.delete(call.projectId, sha256);
  }
}

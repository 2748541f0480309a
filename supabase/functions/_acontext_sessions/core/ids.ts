/**
 * Ids: lower-case UUIDs, and never the nil UUID.
 *
 * @module
 */

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** Before all ids, and none itself: Acontext reads it as "no id". */
export const NIL_ID = "00000000-0000-0000-0000-000000000000";

/** True for a lower-case UUID of any version except the nil UUID. */
export function isId(text: string): boolean {
  return UUID.test(text) && text !== NIL_ID;
}

/** The id in its one spelling, or null when `text` is not an id. */
export function parseId(text: string): string | null {
  const id = text.toLowerCase();
  return isId(id) ? id : null;
}

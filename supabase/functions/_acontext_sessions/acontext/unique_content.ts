/**
 * Makes what is stored of a message unlike anything else in the Acontext project, without changing how it is loaded.
 *
 * Acontext stores equal parts once per project and counts references, and a delete that is broken off and repeated
 * counts down twice: what others share is lost. Everything is stored in Acontext's own format, in which a part has a
 * free `meta` that belongs to what is hashed. A nonce goes there, into every part, under our mark.
 *
 * The bytes of attached files have no such place, and are shared where they are equal.
 *
 * @module
 */
import { toOwn } from "../core/messages/formats/own.ts";
import { type OwnMessage, withKept } from "../core/messages/formats/parts.ts";
import type { NewMessage } from "../core/messages/ports.ts";

/** What is sent as `blob` and `format`. */
interface Blob {
  format: "acontext";
  blob: OwnMessage;
}

/** @param nonce Used for this message alone. */
export function uniqueBlob({ format, message }: NewMessage, nonce: string): Blob {
  const own = toOwn(format, message);
  return {
    format: "acontext",
    blob: { ...own, parts: own.parts.map((part) => withKept(part, { nonce })) },
  };
}

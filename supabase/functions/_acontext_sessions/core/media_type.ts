/**
 * Content types that may be sent in a header.
 *
 * @module
 */
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(\s*;[\x20-\x7e]*)?$/;

/** True for `type/subtype`, with parameters or without, that is safe to send as a header. */
export function isMediaType(text: string): boolean {
  return text.length <= 255 && MEDIA_TYPE.test(text);
}

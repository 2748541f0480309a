/** UUIDs as the server reads them. @module */

export const NIL_UUID = "00000000-0000-0000-0000-000000000000";

const HEX = /^[0-9a-f]{32}$/;
const DASHED = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Reads a UUID in the four spellings the server accepts: dashed, `urn:uuid:`, in braces, and 32 bare digits.
 *
 * @returns the lower-case dashed form, or null when malformed.
 */
export function parseUuid(text: string): string | null {
  let rest = text.toLowerCase();
  if (rest.length === 45 && rest.startsWith("urn:uuid:")) rest = rest.slice(9);
  else if (rest.length === 38 && rest.startsWith("{") && rest.endsWith("}")) {
    rest = rest.slice(1, -1);
  }
  if (DASHED.test(rest)) return rest;
  if (!HEX.test(rest)) return null;
  return [
    rest.slice(0, 8),
    rest.slice(8, 12),
    rest.slice(12, 16),
    rest.slice(16, 20),
    rest.slice(20),
  ].join("-");
}

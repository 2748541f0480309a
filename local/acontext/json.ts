/** JSON values and the little that is asked of them. @module */

export type JsonObject = Record<string, unknown>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parses JSON without throwing. */
export function parseJson(text: string): { ok: true; value: unknown } | { ok: false } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch {
    return { ok: false };
  }
}

/** Parses JSON that this program wrote itself; anything but an object reads as empty. */
export function readObject(text: string | null): JsonObject {
  const parsed = text === null ? null : parseJson(text);
  return parsed?.ok && isObject(parsed.value) ? parsed.value : {};
}

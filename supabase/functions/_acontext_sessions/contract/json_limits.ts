/**
 * Decides whether a JSON object fits a `jsonb` column, before the database has to refuse it.
 *
 * The table of sessions has the same limits in `acontext_sessions.metadata_fault` and its constraints, for what does not
 * come through the functions. Its limits on numbers are those of a double: here only what is parsed is seen, and that
 * is infinite, or a double already.
 *
 * @module
 */

/** Deep enough for any real metadata, shallow enough for every recursion on its way, Postgres' included. */
export const MAX_DEPTH = 32;

const encoder = new TextEncoder();

class Problem extends Error {}

/** Null when `value` is an object that fits, else what is wrong with it. */
export function checkJsonObject(value: unknown, maxBytes: number): string | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return "must be a JSON object";
  }
  try {
    const bytes = measure(value, 1);
    return bytes > maxBytes ? `must have at most ${maxBytes} bytes as Postgres prints it` : null;
  } catch (error) {
    if (error instanceof Problem) return error.message;
    throw error;
  }
}

/** The length of `value::jsonb::text` in bytes: with a space after each colon and comma, numbers without exponent. */
function measure(value: unknown, depth: number): number {
  switch (typeof value) {
    case "string":
      return measureString(value);
    case "number":
      return measureNumber(value);
    case "boolean":
      return value ? 4 : 5;
    case "object":
      break;
    default:
      throw new Problem("must hold JSON values only");
  }
  if (value === null) return 4;
  if (depth > MAX_DEPTH) throw new Problem(`must be nested at most ${MAX_DEPTH} levels deep`);
  let members = 0;
  let bytes = 2;
  if (Array.isArray(value)) {
    members = value.length;
    for (const item of value) bytes += measure(item, depth + 1);
  } else {
    for (const [key, item] of Object.entries(value)) {
      members++;
      bytes += measureString(key) + 2 + measure(item, depth + 1);
    }
  }
  return bytes + 2 * Math.max(0, members - 1);
}

/** Whether JSON in UTF-8 and Postgres can hold it. */
export function isStorable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}

function measureString(text: string): number {
  if (!isStorable(text)) {
    throw new Problem("must not contain NUL characters or lone surrogates");
  }
  return encoder.encode(JSON.stringify(text)).length;
}

function measureNumber(value: number): number {
  // 1e400 parses as Infinity and would be stored as null.
  if (!Number.isFinite(value)) throw new Problem("must not contain numbers that are too large");
  const text = String(value);
  const [digits = "", exponent] = text.split("e");
  if (exponent === undefined) return text.length;
  const sign = digits.startsWith("-") ? 1 : 0;
  const significant = digits.replace(/[-.]/g, "").length;
  const power = Number(exponent);
  // 1.5e+21 is printed with 22 digits, 1.5e-7 as 0.00000015.
  return sign + (power > 0 ? power + 1 : 1 - power + significant);
}

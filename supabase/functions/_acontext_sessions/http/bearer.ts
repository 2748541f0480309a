/**
 * The token in `Authorization`.
 *
 * As RFC 9110 (11.1, 11.4) has it: the scheme in any case, then blanks, then a token of its characters, and nothing else.
 * `@supabase/server` takes `Bearer` and one blank only.
 *
 * @module
 */

/** Null when there is none, or something else. */
export function bearerToken(headers: Headers): string | null {
  return /^Bearer +([\w.~+/-]+=*)$/i.exec(headers.get("authorization") ?? "")?.[1] ?? null;
}

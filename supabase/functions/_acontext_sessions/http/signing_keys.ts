/**
 * The keys that an access token is checked with. A worker is given the project's keys when it starts; a token may be
 * signed with one that is newer. Then, and only then, the project is asked for its keys.
 *
 * Anybody can send tokens that name keys which do not exist. So however many come, a worker asks at most once in
 * `PAUSE_MS`, and never twice at a time.
 *
 * @module
 */
import * as z from "zod";
import { AppError } from "../core/errors.ts";
import { type Env, type KeySet, keySetSchema } from "../runtime/env.ts";

/** After an answer, which also says which keys there are not. */
const PAUSE_MS = 30_000;
/** After a failure, which says nothing. As long as callers are told to wait. */
const RETRY_MS = 5_000;
/** For a key that was revoked since. Supabase's own libraries keep keys as long. */
const KEEP_MS = 600_000;
const TIMEOUT_MS = 5_000;

/** Resolves to the project's keys; those without `kid` when there is no such key. Throws `auth_unavailable`. */
export type KeyLookup = (kid: string) => Promise<KeySet>;

/** Asks `url`. `now` is in milliseconds and never goes back. */
export function createKeyLookup(
  url: URL,
  { fetch = globalThis.fetch, now = () => performance.now() }: {
    fetch?: (url: URL, init: RequestInit) => Promise<Response>;
    now?: () => number;
  } = {},
): KeyLookup {
  let known: { keys: KeySet; at: number } | null = null;
  let failure: unknown = null;
  let nextAt = -Infinity;
  let underWay: Promise<void> | null = null;

  async function ask(): Promise<void> {
    try {
      const response = await fetch(url, {
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const body: unknown = await response.json();
      if (!response.ok) throw new Error(`The signing keys were answered ${response.status}`);
      known = { keys: keySetSchema.parse(body), at: now() };
      failure = null;
    } catch (error) {
      failure = error;
    }
    nextAt = now() + (failure === null ? PAUSE_MS : RETRY_MS);
  }

  return async function lookUp(kid) {
    const fresh = () => known !== null && now() - known.at < KEEP_MS ? known.keys : null;
    const keys = fresh();
    if (keys !== null && hasKey(keys, kid)) return keys;
    if (now() >= nextAt) underWay ??= ask().finally(() => underWay = null);
    await underWay;
    if (failure !== null) throw new AppError("auth_unavailable", { cause: failure });
    return fresh() ?? { keys: [] };
  };
}

/** One for each project, which is one for each worker. */
const lookups = new Map<string, KeyLookup>();

/** The keys to check a token with; null when there are none and nowhere to ask. */
export async function signingKeysFor(token: string | null, env: Env): Promise<KeySet | null> {
  const { supabase: { jwks }, signingKeysUrl } = env;
  const given = keySetSchema.nullable().parse(jwks);
  if (signingKeysUrl === null) return given;
  const kid = keyNamedBy(token);
  const known = given ?? { keys: [] };
  if (kid === null || hasKey(known, kid)) return known;
  const lookUp = lookups.get(signingKeysUrl.href) ?? createKeyLookup(signingKeysUrl);
  lookups.set(signingKeysUrl.href, lookUp);
  return await lookUp(kid);
}

function hasKey({ keys }: KeySet, kid: string): boolean {
  return keys.some((key) => key["kid"] === kid);
}

/** Of a token that a published key can have signed. */
const headerSchema = z.object({ alg: z.string().regex(/^(ES|RS|PS|Ed)/), kid: z.string() });

/** The key that the token claims to be signed with; null when that cannot be a published one. */
function keyNamedBy(token: string | null): string | null {
  const [, header = ""] = /^([\w-]+)\.[\w-]+\.[\w-]+$/.exec(token ?? "") ?? [];
  try {
    const text = atob(header.replaceAll("-", "+").replaceAll("_", "/"));
    return headerSchema.parse(JSON.parse(text)).kid;
  } catch {
    return null;
  }
}

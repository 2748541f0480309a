/**
 * API keys: `sb_publishable_…` stands for role `anon`, `sb_secret_…` for `service_role`. Neither is a JWT; behind the
 * gateway there are only JWTs.
 *
 * @module
 */

import type { Keys } from "../keys.ts";

/** Roles an API key can stand for. */
export type KeyRole = "anon" | "service_role";

/** What a request brings along. */
export interface Credentials {
  /** `null` for a missing key, `"unknown"` for one that is not this project's. */
  keyRole: KeyRole | "unknown" | null;
  /** The token in `Authorization`, unless it is absent or one of the API keys. */
  bearer: string | null;
}

const ROLE_TOKEN_SECONDS = 300;

/** What `Authorization` carries: the scheme in any case, then blanks, then a token of RFC 9110's characters. */
export function bearerOf(request: Request): string | null {
  const authorization = request.headers.get("authorization") ?? "";
  return /^Bearer +([\w.~+/-]+=*)$/i.exec(authorization)?.[1] ?? null;
}

/** The API keys of a project. */
export function createApiKeys(keys: Keys) {
  const cache = new Map<KeyRole, { token: Promise<string>; expires: number }>();

  function roleOf(key: string): KeyRole | "unknown" {
    if (key === keys.publishableKey) return "anon";
    if (key === keys.secretKey) return "service_role";
    return "unknown";
  }

  return {
    /** Reads `apikey` (header or query) and `Authorization`. */
    read(request: Request): Credentials {
      const token = bearerOf(request);
      const apikey = request.headers.get("apikey") ??
        new URL(request.url).searchParams.get("apikey");
      // supabase-js repeats the key as bearer token when nobody is signed in.
      const tokenIsKey = token !== null && /^sb_(publishable|secret)_/.test(token);
      const key = apikey ?? (tokenIsKey ? token : null);
      return {
        keyRole: key === null ? null : roleOf(key),
        bearer: tokenIsKey ? null : token,
      };
    },

    /** A short-lived JWT for a role, replaced before it expires. */
    tokenFor(role: KeyRole): Promise<string> {
      const now = Math.floor(Date.now() / 1_000);
      const cached = cache.get(role);
      if (cached !== undefined && cached.expires - now > ROLE_TOKEN_SECONDS / 2) {
        return cached.token;
      }
      const expires = now + ROLE_TOKEN_SECONDS;
      const token = keys.sign({ iss: "supabase", role, iat: now, exp: expires });
      cache.set(role, { token, expires });
      return token;
    },
  };
}

/** The API keys of a project. */
export type ApiKeys = ReturnType<typeof createApiKeys>;

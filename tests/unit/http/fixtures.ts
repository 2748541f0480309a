/**
 * What tests of the HTTP boundary share: a project with its own signing key, and a log that remembers.
 */
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { Log } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";
import {
  type Env,
  type EnvSource,
  parseEnv,
} from "../../../supabase/functions/_acontext_sessions/runtime/env.ts";

export const USER_ID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
export const SECRET_KEY = "sb_secret_hunter2hunter2";
export const ISSUER = "http://127.0.0.1:54321/auth/v1";

const { privateKey, publicKey } = await generateKeyPair("ES256");
const stranger = await generateKeyPair("ES256");

/** As the project publishes it. */
export const PUBLIC_KEY = { ...await exportJWK(publicKey), kid: "k1", alg: "ES256", use: "sig" };

export const ENV_SOURCE: EnvSource = {
  ACONTEXT_API_KEY: "sk-ac-hunter2",
  SUPABASE_URL: "http://127.0.0.1:54321",
  SUPABASE_SECRET_KEYS: JSON.stringify({ default: "sb_secret_other", cron: SECRET_KEY }),
  SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: "sb_publishable_x" }),
  SUPABASE_JWKS: JSON.stringify({ keys: [PUBLIC_KEY] }),
};

export function testEnv(): Env {
  return parseEnv(ENV_SOURCE);
}

/** A token of a signed-in user unless `claims` says otherwise; `forged` signs it with another key, `kid` names one. */
export function signToken(
  claims: Record<string, unknown> = {},
  { forged = false, kid = "k1" } = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({
    iss: ISSUER,
    aud: "authenticated",
    role: "authenticated",
    sub: USER_ID,
    iat: now,
    exp: now + 60,
    ...claims,
  }).setProtectedHeader({ alg: "ES256", kid }).sign(
    forged ? stranger.privateKey : privateKey,
  );
}

export interface LogLine {
  level: string;
  event: string;
  [field: string]: unknown;
}

export function recordLog(): { log: Log; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string): Log["info"] => (event, fields) => {
    lines.push({ level, event, ...fields });
  };
  return { log: { info: at("info"), warn: at("warn"), error: at("error") }, lines };
}

/**
 * The keys and passwords of one local project: made once, kept in the data directory, worth nothing elsewhere.
 *
 * @module
 */

import {
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from "jose";
import { encodeBase64Url } from "@std/encoding/mod.js";
import { readJsonFile, writeJsonFile } from "./json_file.ts";

/** Database roles that can log in. */
export type LoginRole = "supabase_admin" | "postgres" | "authenticator" | "supabase_auth_admin";

/** What is kept in `keys.json`. */
interface KeyFile {
  publishableKey: string;
  secretKey: string;
  acontextKey: string;
  demoPassword: string;
  passwords: Record<LoginRole, string>;
  signingKey: JWK;
}

/** The keys of a stack, and what can be done with them. */
export interface Keys extends Omit<KeyFile, "signingKey"> {
  /** The public half of the signing key. */
  jwks: JSONWebKeySet;
  /** Signs any claims with the project's key; `exp` and `iat` are the caller's business. */
  sign(claims: JWTPayload): Promise<string>;
  /** The claims of a token that this project signed and that has not expired; otherwise it throws. */
  verify(token: string): Promise<JWTPayload>;
}

function randomText(bytes: number): string {
  return encodeBase64Url(crypto.getRandomValues(new Uint8Array(bytes)));
}

async function createKeyFile(): Promise<KeyFile> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return {
    publishableKey: `sb_publishable_${randomText(24)}`,
    secretKey: `sb_secret_${randomText(24)}`,
    acontextKey: `sk-ac-${randomText(24)}`,
    demoPassword: randomText(12),
    passwords: {
      supabase_admin: randomText(24),
      postgres: randomText(24),
      authenticator: randomText(24),
      supabase_auth_admin: randomText(24),
    },
    signingKey: {
      ...await exportJWK(privateKey),
      alg: "ES256",
      use: "sig",
      kid: crypto.randomUUID(),
    },
  };
}

/** Reads the keys at `path`, making them if there are none. */
export async function loadKeys(path: string): Promise<Keys> {
  let file = await readJsonFile<KeyFile>(path);
  if (file === null) {
    file = await createKeyFile();
    await writeJsonFile(path, file);
  }
  const { signingKey, ...rest } = file;
  const { d: _private, ...publicKey } = signingKey;
  const jwks: JSONWebKeySet = { keys: [{ ...publicKey, key_ops: ["verify"] }] };
  const key = await importJWK(signingKey, "ES256");
  const resolveKey = createLocalJWKSet(jwks);
  const kid = signingKey.kid ?? "";

  return {
    ...rest,
    jwks,
    sign: (claims) =>
      new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid, typ: "JWT" }).sign(key),
    verify: async (token) =>
      (await jwtVerify(token, resolveKey, { algorithms: ["ES256"] })).payload,
  };
}

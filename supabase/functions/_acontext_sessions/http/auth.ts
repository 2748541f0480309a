/**
 * Who is calling. A function names one of these as its `auth`.
 *
 * The error texts here are ours: those of `@supabase/server` name the configured keys.
 *
 * @module
 */
import { verifyCredentials } from "@supabase/server/core";
import { AppError } from "../core/errors.ts";
import { parseId } from "../core/ids.ts";
import { type Env, misconfigured } from "../runtime/env.ts";
import { bearerToken } from "./bearer.ts";
import { signingKeysFor } from "./signing_keys.ts";

/** Resolves to the caller or throws an `AppError`. */
export type Auth<Caller> = (request: Request, env: Env) => Promise<Caller>;

export interface User {
  /** Lower-case UUID. */
  userId: string;
}

type AuthFailure = NonNullable<Awaited<ReturnType<typeof verifyCredentials>>["error"]>;

const NO_TOKEN = 'Cannot authenticate: "Authorization" carries no valid access token';
const SEND_TOKEN = {
  hint: 'Sign in, or refresh the session, and send "Authorization: Bearer <access token>"',
};

/** A signed-in user of this project, anonymous ones included, by the access token in `Authorization`. */
export async function user(request: Request, env: Env): Promise<User> {
  const token = bearerToken(request.headers);
  const { data, error } = await verifyCredentials({ token, apikey: null }, {
    auth: "user",
    audience: "authenticated",
    ...(env.issuers === null ? {} : { issuer: env.issuers }),
    env: { ...env.supabase, jwks: await signingKeysFor(token, env) },
  });
  if (error !== null) throw refusal(error, NO_TOKEN, SEND_TOKEN);
  // One that never ends would outlive every change of its user's. Those of Auth end.
  if (!Number.isFinite(data.jwtClaims?.exp)) {
    throw new AppError("unauthorized", { message: NO_TOKEN, ...SEND_TOKEN });
  }
  // The project's keys also sign tokens of other roles, which belong to no user.
  if (data.jwtClaims?.role !== "authenticated") {
    throw new AppError("forbidden", {
      message: 'Cannot act as a user: the access token\'s role is not "authenticated"',
    });
  }
  const userId = parseId(data.jwtClaims.sub);
  if (userId === null) {
    throw new AppError("forbidden", {
      message: "Cannot act as a user: the access token's subject is not a user id",
    });
  }
  return { userId };
}

const NO_SECRET_KEY = 'Cannot authenticate: "apikey" carries no valid secret key';
const SEND_SECRET_KEY = { hint: 'Send "apikey: <secret key>"' };

/** A server of ours, by any of the project's secret keys in `apikey`, compared in constant time. */
export async function secretKey(request: Request, env: Env): Promise<null> {
  const credentials = { token: null, apikey: request.headers.get("apikey") };
  const { error } = await verifyCredentials(credentials, { auth: "secret:*", env: env.supabase });
  if (error !== null) throw refusal(error, NO_SECRET_KEY, SEND_SECRET_KEY);
  return null;
}

/** Who sends the id of a run in `x-run-id`. Nothing is proven by that yet: `CalledRuns` knows what it is worth. */
export interface RunCaller {
  /** Lower-case UUID. */
  runId: string;
}

/**
 * The schedule, by the id of the run that it calls, or the holder of a secret key (null). The id goes first: a key that
 * comes with it is for functions of before.
 */
export async function runOrSecretKey(request: Request, env: Env): Promise<RunCaller | null> {
  const runId = parseId(request.headers.get("x-run-id") ?? "");
  return runId === null ? await secretKey(request, env) : { runId };
}

/** What whoever sends the id of a run that may not be started is told: the same as without any. */
export function refusedRun(): AppError {
  return new AppError("unauthorized", { message: NO_SECRET_KEY, ...SEND_SECRET_KEY });
}

/** The holder of a secret key. */
export interface Operator {
  operator: true;
}

/**
 * An operator, or null for anyone else; operators are shown more. Clients of the project send its
 * publishable key by themselves; a secret key that is wrong is refused, since its sender expects more.
 */
export async function optionalSecretKey(request: Request, env: Env): Promise<Operator | null> {
  if (!request.headers.get("apikey")?.startsWith("sb_secret_")) return null;
  await secretKey(request, env);
  return { operator: true };
}

function refusal(error: AuthFailure, message: string, { hint }: { hint: string }): AppError {
  if (error.status < 500) return new AppError("unauthorized", { message, hint, cause: error });
  return error.code === "JWKS_NOT_CONFIGURED"
    ? misconfigured("SUPABASE_JWKS", "missing")
    : new AppError("internal", { cause: error });
}

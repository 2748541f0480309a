/**
 * The project over HTTP, with the secret key: its functions, and its database functions through PostgREST.
 *
 * @module
 */

import { z } from "zod";
import { OpsError } from "./ops_error.ts";
import type { Target } from "./target.ts";

/** Longer than the platform lets a function work before it answers. */
const TIMEOUT_MS = 160_000;

const errorSchema = z.looseObject({ code: z.string(), message: z.string() });
/** As Auth answers errors, unless it is asked for a version of its API. */
const authErrorSchema = z.looseObject({ error_code: z.string(), msg: z.string() })
  .transform(({ error_code, msg }) => ({ code: error_code, message: msg }));
const signedUpSchema = z.object({ access_token: z.string(), user: z.object({ id: z.string() }) });

export interface Api {
  /** Calls a database function. */
  rpc<T>(name: string, args: Record<string, unknown>, schema: z.ZodType<T>): Promise<T>;
  /** Calls an Edge Function; with a body it is a POST. `path` begins with the function's name. */
  invoke<T>(path: string, schema: z.ZodType<T>, body?: Record<string, unknown>): Promise<T>;
  /** Makes an anonymous user, who is signed in. */
  signUpAnonymously(): Promise<{ userId: string; token: string }>;
  /** Deletes an account; false when there is none. */
  deleteAccount(userId: string): Promise<boolean>;
}

/** Each method throws `OpsError` when the project does not answer, refuses, or answers something else. */
export function createApi({ url, secretKey }: Target): Api {
  async function send(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(`${url}${path}`, {
        ...init,
        headers: { apikey: secretKey, "content-type": "application/json" },
        // The key would travel along.
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch {
      throw new OpsError(`Cannot reach "${url}": no answer`);
    }
  }

  async function answer<T>(path: string, init: RequestInit, schema: z.ZodType<T>): Promise<T> {
    const response = await send(path, init);
    const value: unknown = await response.json().catch(() => null);
    if (!response.ok) throw refusal(path, response.status, value);
    const parsed = schema.safeParse(value);
    if (!parsed.success) {
      throw new OpsError(`Cannot understand "${path}": its answer has another shape`, {
        status: response.status,
      });
    }
    return parsed.data;
  }

  const post = (body: unknown): RequestInit => ({ method: "POST", body: JSON.stringify(body) });

  return {
    rpc: (name, args, schema) => answer(`/rest/v1/rpc/${name}`, post(args), schema),
    invoke: (path, schema, body) =>
      answer(`/functions/v1/${path}`, body === undefined ? {} : post(body), schema),
    async signUpAnonymously() {
      const { access_token: token, user } = await answer(
        "/auth/v1/signup",
        post({}),
        signedUpSchema,
      );
      return { userId: user.id, token };
    },
    async deleteAccount(userId) {
      const path = `/auth/v1/admin/users/${userId}`;
      const response = await send(path, { method: "DELETE" });
      const value: unknown = await response.json().catch(() => null);
      if (response.status === 404) return false;
      if (!response.ok) throw refusal(path, response.status, value);
      return true;
    },
  };
}

function refusal(path: string, status: number, value: unknown): OpsError {
  const parsed = z.union([errorSchema, authErrorSchema]).safeParse(value);
  const { code, message } = parsed.success ? parsed.data : { code: null, message: "no reason" };
  return new OpsError(`Cannot call "${path}": ${status} ${message}`, { status, code });
}

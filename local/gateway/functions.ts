/**
 * `/functions/v1`: what the platform does before and after a function's own code.
 *
 * @module
 */

import { decodeProtectedHeader } from "jose";
import type { FunctionPool } from "../functions/worker.ts";
import type { Keys } from "../keys.ts";
import { bearerOf, createApiKeys } from "./api_keys.ts";
import { passOn } from "./proxy.ts";

/** A function behind the gateway. */
export interface Route {
  pool: FunctionPool;
  verifyJwt: boolean;
}

/** The platform's limit for the beginning of an answer. */
const RESPONSE_TIMEOUT_MS = 150_000;
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** What an invalid token is called, by its algorithm. Source: https://supabase.com/docs/guides/functions/error-codes */
const INVALID_JWT: Partial<Record<string, string>> = {
  ES256: "UNAUTHORIZED_ASYMMETRIC_JWT",
  RS256: "UNAUTHORIZED_ASYMMETRIC_JWT",
  HS256: "UNAUTHORIZED_LEGACY_JWT",
};

/** Null for what is no JWT. */
function algorithmOf(token: string | null): string | null {
  try {
    return decodeProtectedHeader(token ?? "").alg ?? "none";
  } catch {
    return null;
  }
}

function refuse(status: number, code: string, message: string): Response {
  return Response.json({ code, message }, {
    status,
    headers: { "sb-error-code": code, "access-control-allow-origin": "*" },
  });
}

/** Makes the handler. `path` begins with the function's name. */
export function createFunctionsHandler(options: {
  routes: Map<string, Route>;
  keys: Keys;
  responseTimeoutMs?: number;
  log: (line: string) => void;
}) {
  const { routes, keys, log, responseTimeoutMs = RESPONSE_TIMEOUT_MS } = options;
  const apiKeys = createApiKeys(keys);
  // One connection per request: a function that is killed and restarted leaves no dead ones behind.
  const client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });

  /** The platform's check of `verify_jwt`: any JWT this project signed will do, and an API key without one. */
  async function checkJwt(request: Request): Promise<Response | null> {
    const header = request.headers.get("authorization");
    if (header === null) {
      const { keyRole } = apiKeys.read(request);
      if (keyRole !== null && keyRole !== "unknown") return null;
      return refuse(401, "UNAUTHORIZED_NO_AUTH_HEADER", "Missing authorization header");
    }
    const token = bearerOf(request);
    const algorithm = algorithmOf(token);
    if (token === null || algorithm === null) {
      return refuse(401, "UNAUTHORIZED_INVALID_JWT_FORMAT", "Invalid JWT");
    }
    const code = INVALID_JWT[algorithm];
    if (code === undefined) {
      return refuse(401, "UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM", "Unsupported JWT algorithm");
    }
    try {
      await keys.verify(token);
      return null;
    } catch {
      return refuse(401, code, "Invalid JWT");
    }
  }

  async function forward(request: Request, route: Route, path: string): Promise<Response> {
    let target: string;
    try {
      target = await route.pool.nextUrl();
    } catch (error) {
      log(String(error));
      return refuse(503, "BOOT_ERROR", "Function failed to start (please check logs)");
    }
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), responseTimeoutMs);
    try {
      const response = await passOn(request, `${target}${path}${new URL(request.url).search}`, {
        headers: request.headers,
        client,
        signal: timeout.signal,
      });
      const type = response.headers.get("content-type") ?? "";
      if (request.method === "GET" && type.startsWith("text/html")) {
        response.headers.set("content-type", type.replace("text/html", "text/plain"));
      }
      return response;
    } catch (error) {
      if (timeout.signal.aborted) {
        return refuse(504, "IDLE_TIMEOUT", "Function did not respond in time");
      }
      log(`[${route.pool.name}] no answer: ${error}`);
      await route.pool.noticeEnd(target);
      return refuse(
        546,
        "WORKER_RESOURCE_LIMIT",
        "Function failed due to not having enough compute resources (please check logs)",
      );
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    async handle(request: Request, path: string): Promise<Response> {
      const route = routes.get(path.split("/")[1] ?? "");
      if (route === undefined) {
        return refuse(404, "NOT_FOUND", "Requested function was not found");
      }
      if (!METHODS.includes(request.method)) {
        return refuse(405, "METHOD_NOT_ALLOWED", "Method not allowed");
      }
      if (route.verifyJwt && request.method !== "OPTIONS") {
        const refusal = await checkJwt(request);
        if (refusal !== null) return refusal;
      }
      return await forward(request, route, path);
    },
    close: () => client.close(),
  };
}

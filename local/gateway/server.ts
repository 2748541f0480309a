/**
 * The one address clients know: REST, auth and functions under the platform's paths.
 *
 * @module
 */

import type { AuthService } from "../auth/service.ts";
import type { Keys } from "../keys.ts";
import { LOOPBACK } from "../ports.ts";
import { refuseAllRows } from "../safeupdate.ts";
import { createApiKeys } from "./api_keys.ts";
import { preflight, withCors } from "./cors.ts";
import { createFunctionsHandler, type Route } from "./functions.ts";
import { passOn } from "./proxy.ts";

/** What is behind the gateway; set as soon as it is there. */
export interface Backends {
  auth: AuthService;
  postgrestUrl: string;
  functions: Map<string, Route>;
}

/** A running gateway. */
export interface Gateway {
  url: string;
  /** Until then everything is answered with 503. */
  connect(backends: Backends): void;
  stop(): Promise<void>;
}

const NO_KEY = {
  message: "No API key found in request",
  hint: "No `apikey` request header or url param was found.",
};
const BAD_KEY = {
  message: "Invalid API key",
  hint: "Double check your Supabase `anon` or `service_role` API key.",
};

/** What the platform has and the local stack has not, by its place in the path. */
const ABSENT: Record<string, string> = {
  realtime: "Realtime",
  storage: "Storage",
  graphql: "GraphQL",
};

/** Says so plainly: a client that waits for a part which is not there would else only see a 404. */
function absent(path: string): Response | null {
  const part = ABSENT[/^\/([a-z]+)\/v1(?:\/|$)/.exec(path)?.[1] ?? ""];
  if (part === undefined) return null;
  return Response.json({
    code: "NOT_IN_LOCAL_STACK",
    message: `The local stack has no ${part}`,
    hint:
      "What it has is in docs/local-stack.md. `npx supabase start` and a hosted project have all parts.",
  }, { status: 501 });
}

/** Auth routes that are open to everybody. */
const OPEN_AUTH_PATHS = new Set(["/.well-known/jwks.json", "/health"]);

/** Starts the gateway. Port 0 stands for any free one. */
export function startGateway(options: {
  port: number;
  keys: Keys;
  log: (line: string) => void;
  functionTimeoutMs?: number;
}): Gateway {
  const { keys, log } = options;
  const apiKeys = createApiKeys(keys);
  const restClient = Deno.createHttpClient({ poolMaxIdlePerHost: 32 });
  let backends: Backends | null = null;
  let functionsHandler: ReturnType<typeof createFunctionsHandler> | null = null;

  async function handleRest(request: Request, path: string, target: Backends): Promise<Response> {
    const { keyRole, bearer } = apiKeys.read(request);
    if (keyRole === null) return Response.json(NO_KEY, { status: 401 });
    if (keyRole === "unknown") return Response.json(BAD_KEY, { status: 401 });
    const refused = refuseAllRows(request, path);
    if (refused !== null) return refused;
    const url = new URL(request.url);
    url.searchParams.delete("apikey");
    const headers = new Headers(request.headers);
    headers.delete("apikey");
    headers.set("authorization", `Bearer ${bearer ?? await apiKeys.tokenFor(keyRole)}`);
    try {
      return await passOn(request, `${target.postgrestUrl}${path}${url.search}`, {
        headers,
        client: restClient,
      });
    } catch (error) {
      log(`[gateway] REST: ${error}`);
      return Response.json({ message: "The upstream server is not available" }, { status: 503 });
    }
  }

  async function handleAuth(request: Request, path: string, target: Backends): Promise<Response> {
    const { keyRole, bearer } = apiKeys.read(request);
    if (!OPEN_AUTH_PATHS.has(path)) {
      if (keyRole === null) return Response.json(NO_KEY, { status: 401 });
      if (keyRole === "unknown") return Response.json(BAD_KEY, { status: 401 });
    }
    return await target.auth.handle(request, path, {
      bearer,
      keyRole: keyRole === "service_role" ? "service_role" : "anon",
    });
  }

  async function handle(request: Request): Promise<Response> {
    // Made of whatever stands in `Host`. Source: https://supabase.com/docs/guides/functions/error-codes
    if (!URL.canParse(request.url)) {
      return Response.json({ code: "INVALID_URL", message: "Invalid URL" }, { status: 400 });
    }
    const { pathname } = new URL(request.url);
    const match = /^\/(rest|auth|functions)\/v1(\/.*)?$/.exec(pathname);
    if (match === null) {
      const refusal = absent(pathname);
      if (refusal !== null) return preflight(request) ?? withCors(refusal);
      return Response.json({ message: "no Route matched with those values" }, { status: 404 });
    }
    const [, api, path = "/"] = match;
    if (backends === null || functionsHandler === null) {
      return Response.json({ message: "The local stack is starting" }, { status: 503 });
    }
    if (api === "functions") return await functionsHandler.handle(request, path);
    return preflight(request) ?? withCors(
      api === "rest"
        ? await handleRest(request, path, backends)
        : await handleAuth(request, path, backends),
    );
  }

  const server = Deno.serve({
    hostname: LOOPBACK,
    port: options.port,
    onListen: () => {},
    onError: (error) => {
      log(`[gateway] ${error}`);
      return Response.json({ message: "An unexpected error occurred" }, { status: 500 });
    },
  }, handle);

  return {
    url: `http://${LOOPBACK}:${server.addr.port}`,
    connect(target) {
      backends = target;
      functionsHandler = createFunctionsHandler({
        routes: target.functions,
        keys,
        log,
        ...(options.functionTimeoutMs === undefined
          ? {}
          : { responseTimeoutMs: options.functionTimeoutMs }),
      });
    },
    async stop() {
      // Requests under way get a moment; long ones are cut.
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(() => late.resolve(), 1_000);
      await Promise.race([server.shutdown(), late.promise]);
      clearTimeout(timer);
      functionsHandler?.close();
      restClient.close();
    },
  };
}

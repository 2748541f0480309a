/**
 * The boundary of every function: from a request to an answer, whatever happens in between.
 *
 * Order: route and method, auth, content type, size, JSON, schema, then the handler's work.
 *
 * @module
 */
import type * as z from "zod";
import { AppError, describeError } from "../core/errors.ts";
import { parseId } from "../core/ids.ts";
import type { Clock, Log } from "../core/ports.ts";
import { systemClock } from "../runtime/clock.ts";
import { type Env, readEnv } from "../runtime/env.ts";
import { createLog } from "../runtime/log.ts";
import { type Answer, preflight, requestIdOf, toErrorResponse, toResponse } from "./answer.ts";
import type { Auth } from "./auth.ts";
import { readBody } from "./body.ts";
import { type Form, isMultipart, readForm } from "./form.ts";
import { readQuery, readValue } from "./query.ts";
import { createRouter, type RouteName } from "./router.ts";

/** What a handler knows about the request. */
export interface Call<Caller> {
  caller: Caller;
  requestId: string;
  /** The id in the path. Throws `invalid_id` when it is not one. */
  id(): string;
  /** The body as `schema` parses it; an absent body is read as `{}`. Throws 400, 408, 413 and 415. */
  body<Schema extends z.ZodType>(schema: Schema): Promise<z.output<Schema>>;
  /** The query as `schema` parses it. Throws `invalid_request`. */
  query<Schema extends z.ZodType>(schema: Schema): z.output<Schema>;
  /** A header as `schema` parses it; null when it is absent. Throws `invalid_request`. */
  header<Schema extends z.ZodType>(name: string, schema: Schema): z.output<Schema> | null;
  /** The multipart body, of at most `maxBytes`; null when the body is of another type. Throws 400, 408, 413 and 415. */
  form(maxBytes: number): Promise<Form | null>;
}

export type Handler<Caller> = (call: Call<Caller>) => Promise<Answer>;

/** By method and path inside the function, as in `POST /:id/restore`. */
export type Routes<Caller> = Partial<Record<RouteName, Handler<Caller>>>;

export interface ServeOptions<Caller> {
  /** The function's name, the first segment of its paths. */
  name: string;
  auth: Auth<Caller>;
  routes: Routes<Caller>;
  /** Default 64 KiB. */
  maxBodyBytes?: number;
  /** For tests. */
  env?: () => Env;
  /** For tests. */
  log?: Log;
  /** For tests. */
  clock?: Clock;
}

/**
 * Makes a function's `fetch`.
 *
 * @example
 * ```ts
 * export default {
 *   fetch: serve({ name: "hello", auth: user, routes: { "POST /": hello } }),
 * };
 * ```
 */
export function serve<Caller>(
  options: ServeOptions<Caller>,
): (request: Request) => Promise<Response> {
  const { name, auth, routes, maxBodyBytes = 65_536, env = readEnv, clock = systemClock } = options;
  const log = options.log ?? createLog({ name });
  const router = createRouter(name, routes);

  return async function fetch(request) {
    const start = performance.now();
    if (request.method === "OPTIONS") return preflight(request, router.methods);
    const requestId = requestIdOf(request);

    let route: string | null = null;
    let response: Response;
    let problem: AppError | null = null;
    try {
      const pathname = pathOf(request);
      const { handler, template, segment } = router.match(request.method, pathname);
      route = template;
      const caller = await auth(request, env());
      const pace = { clock, timeoutMs: env().bodyTimeoutMs };
      const answer = await handler({
        caller,
        requestId,
        id: () => requireId(segment),
        body: (schema) => readBody(request, { schema, maxBytes: maxBodyBytes, pace }),
        query: (schema) => readQuery(request.url, schema),
        header: (name, schema) => {
          const value = request.headers.get(name);
          return value === null ? null : readValue(value, { schema, path: name });
        },
        form: async (maxBytes) =>
          isMultipart(request.headers) ? await readForm(request, { maxBytes, pace }) : null,
      });
      response = toResponse(answer, requestId);
    } catch (error) {
      problem = error instanceof AppError ? error : new AppError("internal", { cause: error });
      response = toErrorResponse(problem, requestId);
    }

    log[response.status >= 500 ? "error" : "info"]("request", {
      requestId,
      method: request.method,
      route,
      status: response.status,
      ms: Math.round(performance.now() - start),
      ...(problem === null ? {} : describeProblem(problem)),
    });
    return response;
  };
}

/** A server makes the address of whatever stands in `Host`. */
function pathOf({ url }: Request): string {
  if (URL.canParse(url)) return new URL(url).pathname;
  throw new AppError("invalid_request", { message: "Cannot read the address: it is malformed" });
}

function requireId(segment: string): string {
  const id = parseId(segment);
  if (id === null) throw new AppError("invalid_id");
  return id;
}

function describeProblem(problem: AppError): Record<string, string> {
  if (problem.status < 500) return { code: problem.code };
  // The message is ours and tells the operator what the caller was told.
  return {
    code: problem.code,
    message: problem.message,
    ...describeError(problem),
  };
}

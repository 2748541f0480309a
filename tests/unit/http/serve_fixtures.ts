import { z } from "zod";
import { type Routes, serve } from "../../../supabase/functions/_acontext_sessions/http/serve.ts";
import { recordLog, testEnv } from "./fixtures.ts";

/** The body that `POST /` takes. */
export const echo = z.strictObject({ text: z.string().optional(), n: z.int().optional() });

/** A function with three routes, or more, and what it logs. */
export function setUp(routes: Routes<null> = {}, maxBodyBytes = 64) {
  const { log, lines } = recordLog();
  const open = () => Promise.resolve(null);
  const fetch = serve({
    name: "hello",
    auth: open,
    routes: {
      "POST /": async ({ body }) => ({ status: 201, body: await body(echo) }),
      "DELETE /:id": ({ id }) => Promise.resolve({ status: 200, body: { id: id() } }),
      "POST /:id/again": ({ id }) => Promise.resolve({ status: 200, body: { again: id() } }),
      ...routes,
    },
    maxBodyBytes,
    env: testEnv,
    log,
  });
  return { fetch, lines };
}

export function post(body: BodyInit | null, headers: Record<string, string> = {}): Request {
  return new Request("http://x.test/hello", {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
}

/** Status and code of an error. */
export async function codeOf(response: Response): Promise<[number, string]> {
  const { code } = await response.json();
  return [response.status, code];
}

/**
 * Writes down what the functions answer, for the comparison with openapi.json. `TEST_RECORD_FILE` names the file, one JSON
 * line for each answer; without it nothing is written.
 *
 * @module
 */

import { z } from "zod";
import { readStackInfo } from "../../support/stack_info.ts";

export const recordSchema = z.object({
  method: z.string(),
  /** Below `/functions/v1`, without the query. */
  path: z.string(),
  status: z.int(),
  /** Null when it has no id of ours: the gateway answered. */
  requestId: z.string().nullable(),
  /** Parsed JSON; null for anything else. Not looked through: it may be nested deeper than a schema can follow. */
  body: z.unknown(),
});
export type AnswerRecord = z.infer<typeof recordSchema>;

const PREFIX = "/functions/v1";

/** Wraps `fetch`, which supabase-js uses, too. */
export function recordAnswers(): void {
  const file = Deno.env.get("TEST_RECORD_FILE");
  if (file === undefined) return;
  const { apiUrl } = readStackInfo();
  const fetch = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    const { pathname, origin } = new URL(request.url);
    const response = await fetch(request);
    // Tests have servers of their own, too, which answer as they like.
    if (origin !== apiUrl || !pathname.startsWith(PREFIX) || request.method === "OPTIONS") {
      return response;
    }
    const record: AnswerRecord = {
      method: request.method,
      path: pathname.slice(PREFIX.length),
      status: response.status,
      requestId: response.headers.get("x-request-id"),
      body: null,
    };
    if (response.headers.get("content-type")?.startsWith("application/json")) {
      record.body = await response.clone().json().catch(() => null);
    }
    await Deno.writeTextFile(file, `${JSON.stringify(record)}\n`, { append: true });
    return response;
  };
}

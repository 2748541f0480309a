/**
 * What browsers ask and are told before and beside an answer. Any origin may call: what protects a session is the token,
 * which no browser adds by itself.
 *
 * @module
 */
import { corsHeaders } from "@supabase/supabase-js/cors";

/** What supabase-js sends, the region it may be told, and what our routes read. */
const REQUEST_HEADERS = [
  ...(corsHeaders["Access-Control-Allow-Headers"] ?? "").toLowerCase().split(", "),
  "x-region",
  "x-request-id",
  "idempotency-key",
];

/** What scripts of another origin may read of our answers, beside the few that they always may. */
const ANSWER_HEADERS = ["x-request-id", "retry-after", "content-disposition", "x-file-type"];

/** A name of a header, short of `*`, which would stand for all. */
const HEADER_NAME = /^(?!\*$)[!#$%&'*+.^_`|~0-9a-z-]{1,64}$/;
/** More than any app adds, and few enough to give back. */
const MAX_ASKED = 50;
/** Two hours, the longest that Chromium honours: a browser knows of a change after as long. */
const MAX_AGE_SECONDS = 7200;

/** Headers of every answer. */
export const answerHeaders = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers": ANSWER_HEADERS.join(", "),
};

/**
 * Further headers of the answer to a preflight. `asked` is its `Access-Control-Request-Headers`: apps add headers to all
 * their calls (`global.headers` of supabase-js, tracing), which mean nothing here and are no reason to refuse the call.
 */
export function preflightHeaders(
  { methods, asked }: { methods: string[]; asked: string | null },
): Record<string, string> {
  const names = (asked ?? "").split(",", MAX_ASKED).map((name) => name.trim().toLowerCase());
  const allowed = new Set([...REQUEST_HEADERS, ...names.filter((name) => HEADER_NAME.test(name))]);
  return {
    "access-control-allow-methods": [...methods, "OPTIONS"].join(", "),
    "access-control-allow-headers": [...allowed].join(", "),
    "access-control-max-age": String(MAX_AGE_SECONDS),
  };
}

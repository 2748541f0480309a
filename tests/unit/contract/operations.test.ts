import { assertEquals } from "@std/assert/mod.js";
import {
  type ErrorCode,
  ERRORS,
} from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { OPERATIONS } from "../../../tools/openapi/operations.ts";

/** What any route may answer, and openapi.json has as `default`. */
const OF_EVERY_ROUTE: ErrorCode[] = [
  "auth_unavailable",
  "internal",
  "method_not_allowed",
  "misconfigured",
  "not_found",
];

Deno.test("openapi.json names every error at a route that has it", () => {
  const named = new Set<string>([...OF_EVERY_ROUTE, ...OPERATIONS.flatMap(({ errors }) => errors)]);
  assertEquals(Object.keys(ERRORS).filter((code) => !named.has(code)), []);
});

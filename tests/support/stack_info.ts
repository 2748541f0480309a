/**
 * What a test has to know about a running stack. Tests run in a process of their own and find it in the file that the
 * variable `TEST_STACK_FILE` names.
 *
 * @module
 */

import { z } from "zod";

const schema = z.object({
  /** Base URL for supabase-js. */
  apiUrl: z.string(),
  publishableKey: z.string(),
  secretKey: z.string(),
  /** Role `postgres`, no superuser. */
  databaseUrl: z.string(),
  /** The superuser. */
  adminDatabaseUrl: z.string(),
  acontext: z.object({ baseUrl: z.string(), apiKey: z.string(), controlUrl: z.string() }),
  /** The private key that signs access tokens, as a JWK with `kid`. */
  signingKey: z.looseObject({ kty: z.string(), kid: z.string() }),
  postgres: z.enum(["embedded", "debian"]),
  /** Has `postgres.log` and the logs of the other parts. */
  logsDir: z.string(),
});

export type StackInfo = z.infer<typeof schema>;

/** Reads the file that `TEST_STACK_FILE` names. */
export function readStackInfo(): StackInfo {
  const path = Deno.env.get("TEST_STACK_FILE");
  if (path === undefined) {
    throw new Error(
      "Cannot run these tests: no stack is running. Use `deno run -A tests/integration/run.ts`",
    );
  }
  return schema.parse(JSON.parse(Deno.readTextFileSync(path)));
}

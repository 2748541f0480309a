/**
 * What callers may send: ids, bodies and their limits. Answers are in contract_answers.ts. `meta` says for openapi.json
 * what a check in code cannot say by itself.
 *
 * @module
 */
import * as z from "zod";
import type { JsonObject } from "./core/ports.ts";
import { checkJsonObject } from "./json_limits.ts";

/** Seconds; the table has the same bounds. */
const MIN_TTL = 60;
const MAX_TTL = 315_360_000;
const MAX_TITLE_CHARACTERS = 200;
const MAX_METADATA_BYTES = 8192;
const MAX_PER_RUN = 10_000;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** No session ever has it: Acontext reads it as "no id". */
export const NIL_ID = "00000000-0000-0000-0000-000000000000";

/** True for a lower-case UUID of any version, the nil UUID excepted: Acontext reads that one as "no id". */
export function isId(text: string): boolean {
  return UUID.test(text) && text !== NIL_ID;
}

/** The id in its one spelling, or null when `text` is not an id. */
export function parseId(text: string): string | null {
  const id = text.toLowerCase();
  return isId(id) ? id : null;
}

const id = z.string({ error: "must be a UUID" })
  .transform((text) => text.toLowerCase())
  .refine(isId, { error: "must be a UUID other than the nil UUID" })
  .meta({ format: "uuid" });

const flag = z.boolean({ error: "must be true or false" }).default(false);

const title = z.string({ error: "must be a string or null" })
  // Postgres counts code points, JavaScript UTF-16 units.
  .refine(
    (text) => text.length <= MAX_TITLE_CHARACTERS || [...text].length <= MAX_TITLE_CHARACTERS,
    {
      error: `must have at most ${MAX_TITLE_CHARACTERS} characters`,
    },
  )
  .refine((text) => text.isWellFormed() && !text.includes("\0"), {
    error: "must not contain NUL characters or lone surrogates",
  })
  .meta({ maxLength: MAX_TITLE_CHARACTERS });

const ttl = z.int({ error: "must be a whole number of seconds or null" })
  .min(MIN_TTL, { error: `must be at least ${MIN_TTL}` })
  .max(MAX_TTL, { error: `must be at most ${MAX_TTL}` });

/** Not `z.record`, which copies what it reads and drops a member called `__proto__`. */
const metadata = z.custom<JsonObject>().superRefine((value, context) => {
  const problem = checkJsonObject(value, MAX_METADATA_BYTES);
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
}).meta({
  type: "object",
  description: `At most ${MAX_METADATA_BYTES} bytes as Postgres prints it`,
});

export const createSessionBody = z.strictObject({
  id: id.optional().meta({
    description: "Chosen by the caller; a repeated call with it never makes a second session",
  }),
  title: title.nullable().default(null),
  metadata: metadata.default({}),
  ttl: ttl.nullable().default(null).meta({
    description: "Own lifetime in seconds after the last activity; null: the project's",
  }),
  pinned: flag.meta({ description: "A pinned session never expires" }),
});

export const cleanupBody = z.strictObject({
  /** What to do: delete what is due, or look for remote resources that no session knows. */
  task: z.enum(["sweep", "reconcile"], { error: 'must be "sweep" or "reconcile"' }).default(
    "sweep",
  ),
  runId: id.optional(),
  dryRun: flag,
  background: flag,
  force: flag,
  limit: z.int({ error: "must be a whole number or null" })
    .min(1, { error: "must be at least 1" })
    .max(MAX_PER_RUN, { error: `must be at most ${MAX_PER_RUN}` })
    .nullable().default(null),
}).superRefine(({ task, dryRun, background, limit }, context) => {
  const refuse = (name: string, message: string) =>
    context.addIssue({ code: "custom", path: [name], message });
  if (dryRun && background) refuse("background", "must be false for a dry run: it has a result");
  if (task === "reconcile" && limit !== null) refuse("limit", "must be absent for a reconcile");
});

export type CreateSessionBody = z.output<typeof createSessionBody>;
export type CleanupBody = z.output<typeof cleanupBody>;

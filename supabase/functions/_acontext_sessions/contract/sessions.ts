/**
 * What callers may send to make a session, and its limits. `meta` tells openapi.json what a check in code cannot.
 *
 * @module
 */
import * as z from "zod";
import type { JsonObject } from "../core/ports.ts";
import { flag, id } from "./fields.ts";
import { checkJsonObject, isStorable, MAX_DEPTH } from "./json_limits.ts";

// The table has the same limits, in its constraints.
/** Seconds. */
const MIN_TTL = 60;
const MAX_TTL = 315_360_000;
const MAX_TITLE_CHARACTERS = 200;
const MAX_METADATA_BYTES = 8192;

const title = z.string({ error: "must be a string or null" })
  // Postgres counts code points, JavaScript UTF-16 units.
  .refine(
    (text) => text.length <= MAX_TITLE_CHARACTERS || [...text].length <= MAX_TITLE_CHARACTERS,
    {
      error: `must have at most ${MAX_TITLE_CHARACTERS} characters`,
    },
  )
  .refine(isStorable, {
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
  description:
    `At most ${MAX_METADATA_BYTES} bytes as Postgres prints it, at most ${MAX_DEPTH} levels deep`,
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
  disableTaskTracking: z.boolean({ error: "must be true or false" }).optional().meta({
    description: "Acontext's task agent does not read the session; without, the project's setting",
  }),
});

export type CreateSessionBody = z.output<typeof createSessionBody>;

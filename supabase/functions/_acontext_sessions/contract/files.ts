/**
 * What callers may send to `session-files`: places and limits.
 *
 * Acontext trims places, takes what follows the last "/" for the file's name, and refuses ".."; whatever it would
 * change or drop is refused here.
 *
 * @module
 */
import * as z from "zod";
import { STAGING } from "../core/files/staging.ts";

export const MAX_FILE_BYTES = 16 * 1024 * 1024;
const MAX_PATH_CHARACTERS = 1024;
const MAX_FILENAME_CHARACTERS = 255;
const MIN_EXPIRES = 60;
const MAX_EXPIRES = 86_400;

// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x1f\x7f]/;

function nameProblem(name: string): string | null {
  if (name === ".") return 'must not be "."';
  if (name.includes("..")) return 'must not contain ".."';
  if (CONTROL.test(name)) return "must not contain control characters";
  if (!name.isWellFormed()) return "must not contain lone surrogates";
  if (name.trim() !== name) return "must not begin or end with white space";
  return name === STAGING ? `must not be "${STAGING}", which is reserved` : null;
}

function pathProblem(path: string): string | null {
  if (path.length > MAX_PATH_CHARACTERS) {
    return `must have at most ${MAX_PATH_CHARACTERS} characters`;
  }
  if (!path.startsWith("/") || !path.endsWith("/")) return 'must begin and end with "/"';
  if (path.includes("//")) return 'must not contain "//"';
  const problem = path.split("/").map(nameProblem).find((found) => found !== null);
  return problem === undefined ? null : `has a directory name that ${problem}`;
}

function filenameProblem(filename: string): string | null {
  if (filename === "") return "must not be empty";
  if (filename.length > MAX_FILENAME_CHARACTERS) {
    return `must have at most ${MAX_FILENAME_CHARACTERS} characters`;
  }
  return filename.includes("/") ? 'must not contain "/"' : nameProblem(filename);
}

function checkedText(problemOf: (text: string) => string | null) {
  return z.string({ error: "is missing" }).superRefine((text, context) => {
    const problem = problemOf(text);
    if (problem !== null) context.addIssue({ code: "custom", message: problem });
  });
}

const path = checkedText(pathProblem).meta({ maxLength: MAX_PATH_CHARACTERS, pattern: "^/(.*/)?$" })
  .default("/");
export const filename = checkedText(filenameProblem)
  .meta({ minLength: 1, maxLength: MAX_FILENAME_CHARACTERS });

export const listFilesQuery = z.strictObject({ path });
export const fileQuery = z.strictObject({ path, filename });
export const linkFileQuery = fileQuery.extend({
  /** Seconds. */
  expires: z.string().regex(/^\d{1,6}$/, { error: "must be a whole number of seconds" })
    .transform(Number)
    .refine((seconds) => seconds >= MIN_EXPIRES && seconds <= MAX_EXPIRES, {
      error: `must be between ${MIN_EXPIRES} and ${MAX_EXPIRES}`,
    })
    .meta({ type: "integer", pattern: undefined, minimum: MIN_EXPIRES, maximum: MAX_EXPIRES })
    .default(3600),
});

/**
 * An `Accept` header. Callers whose HTTP library reads text as text ask for `application/octet-stream` and get the
 * content under that type, and the file's own type in `x-file-type`.
 */
export const accept = z.string();

/** The text fields of an upload; `filename` takes precedence over the name that the file has in the form. */
export const uploadFields = z.strictObject({ path, filename: filename.optional() });

/**
 * Reads a JSON body: content type, then size, then JSON, then the schema, and stops at the first that is wrong.
 *
 * @module
 */
import type * as z from "zod";
import { AppError } from "../core/errors.ts";
import { type Pace, readBytes } from "./bytes.ts";
import { describeIssues, describePaths } from "./details.ts";
import { inexactNumbers } from "./exact_numbers.ts";

/** The body as `schema` parses it. An absent body is read as `{}`. */
export async function readBody<Schema extends z.ZodType>(
  request: Request,
  { schema, maxBytes, pace }: { schema: Schema; maxBytes: number; pace: Pace },
): Promise<z.output<Schema>> {
  const bytes = await readBytes(request, { maxBytes, checkHeaders: requireJson, pace });
  const result = schema.safeParse(bytes.length === 0 ? {} : parseJson(bytes));
  if (result.success) return result.data;
  const details = describeIssues(result.error);
  const onlyId = details.every((detail) => detail.path === "id" || detail.path === "runId");
  throw new AppError(onlyId ? "invalid_id" : "invalid_request", { details });
}

function requireJson(headers: Headers): void {
  const type = headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  const encoding = headers.get("content-encoding")?.trim().toLowerCase() ?? "identity";
  if (type !== "application/json") throw new AppError("unsupported_media_type");
  if (encoding !== "identity") {
    throw new AppError("unsupported_media_type", {
      message: "Cannot read the body: it is compressed",
      hint: 'Send the body without "Content-Encoding"',
    });
  }
}

/** @throws {AppError} `invalid_json`, and `invalid_request` for numbers of which a digit would be lost */
export function parseJsonText(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the body.
    throw new AppError("invalid_json");
  }
  const details = describePaths(
    inexactNumbers(text),
    "must be a number that a double holds to its last digit: send its digits as a string",
  );
  if (details.length > 0) throw new AppError("invalid_request", { details });
  return value;
}

function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new AppError("invalid_json");
  }
  return parseJsonText(text);
}

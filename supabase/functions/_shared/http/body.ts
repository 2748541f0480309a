/**
 * Reads a JSON body: content type, then size, then JSON, then the schema, and stops at the first that is wrong.
 *
 * @module
 */
import type { z } from "zod";
import { AppError, type ErrorDetail } from "../errors.ts";

const MAX_DETAILS = 10;
const MAX_PATH = 100;

/** The body as `schema` gives it out. An absent body is read as `{}`. */
export async function readBody<Schema extends z.ZodType>(
  request: Request,
  { schema, maxBytes }: { schema: Schema; maxBytes: number },
): Promise<z.output<Schema>> {
  const bytes = await readBytes(request, maxBytes);
  const result = schema.safeParse(bytes.length === 0 ? {} : parseJson(bytes));
  if (result.success) return result.data;
  const details = result.error.issues.flatMap(describeIssue).slice(0, MAX_DETAILS);
  const onlyId = details.every((detail) => detail.path === "id" || detail.path === "runId");
  throw new AppError(onlyId ? "invalid_id" : "invalid_request", { details });
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const length = Number(request.headers.get("content-length") ?? "0");
  if (length > 0) {
    requireJson(request.headers);
    if (length > maxBytes) throw tooLarge(maxBytes);
  }
  // The length is the sender's claim, and chunked bodies have none: count what comes.
  const bytes = new Uint8Array(maxBytes);
  let size = 0;
  for await (const chunk of chunksOf(request)) {
    if (chunk.length > 0) requireJson(request.headers);
    if (size + chunk.length > maxBytes) throw tooLarge(maxBytes);
    bytes.set(chunk, size);
    size += chunk.length;
  }
  return bytes.subarray(0, size);
}

async function* chunksOf(request: Request): AsyncGenerator<Uint8Array> {
  if (request.body === null) return;
  const reader = request.body.getReader();
  try {
    while (true) {
      const { done, value } = await readChunk(reader);
      if (done) return;
      yield value;
    }
  } finally {
    // Refuses the rest when the loop was left early.
    await reader.cancel().catch(() => {});
  }
}

async function readChunk(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read();
  } catch (cause) {
    throw new AppError("invalid_request", {
      message: "Cannot read the body: the connection broke",
      cause,
    });
  }
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

function tooLarge(maxBytes: number): AppError {
  return new AppError("body_too_large", {
    message: `Cannot read the body: it has more than ${maxBytes} bytes`,
  });
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    // The parser's message quotes the body.
    throw new AppError("invalid_json");
  }
}

/** Names the field and what is wrong with it, never its value. */
function describeIssue(issue: z.core.$ZodIssue): ErrorDetail[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => detail([...path, key], "is not a known field"));
  }
  return [detail(path, path.length === 0 ? "must be a JSON object" : issue.message)];
}

function detail(path: string[], message: string): ErrorDetail {
  return { path: path.join(".").slice(0, MAX_PATH).toWellFormed(), message };
}

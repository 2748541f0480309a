/** How the server binds a request body: by its content type, and nothing without one. @module */

import { badRequest } from "./answer.ts";
import { parseMultipart } from "./multipart.ts";
import { isObject, type JsonObject, parseJson } from "./json.ts";

/** The media type without its parameters. */
export function contentTypeOf(request: Request): string {
  return (request.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

/**
 * Reads the fields of a body. JSON sent without the JSON content type is silently ignored; an empty JSON body, or one
 * that is not an object, is refused.
 */
export async function bindBody(request: Request): Promise<JsonObject | Response> {
  const type = contentTypeOf(request);
  if (type === "application/json") return bindJson(await request.text());
  if (type === "application/x-www-form-urlencoded") {
    return Object.fromEntries(new URLSearchParams(await request.text()));
  }
  return {};
}

function bindJson(text: string): JsonObject | Response {
  if (text.trim() === "") return badRequest("EOF");
  const parsed = parseJson(text);
  if (!parsed.ok) return badRequest("invalid character in JSON");
  if (parsed.value === null) return {};
  return isObject(parsed.value) ? parsed.value : badRequest("json: cannot unmarshal into object");
}

/** A text field; absent and null read as empty. Null when it has another type. */
export function textField(body: JsonObject, name: string): string | null {
  const value = body[name] ?? "";
  return typeof value === "string" ? value : null;
}

/** Reads a multipart body, or null when it is not one. */
export async function readForm(request: Request): Promise<FormData | null> {
  if (contentTypeOf(request) !== "multipart/form-data") return null;
  try {
    const type = request.headers.get("content-type") ?? "";
    return parseMultipart(type, await request.bytes());
  } catch {
    return null;
  }
}

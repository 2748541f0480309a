/** A message as it comes out of any of the four formats, before it is stored. @module */

import { z } from "zod";
import { isObject, type JsonObject } from "../json.ts";

export const FORMATS = ["openai", "acontext", "anthropic", "gemini"] as const;
export type Format = typeof FORMATS[number];

export interface IncomingPart {
  type: string;
  text?: string;
  /** Name of the multipart field that holds the file. */
  fileField?: string;
  meta?: JsonObject;
}

export interface IncomingMessage {
  role: "user" | "assistant";
  parts: IncomingPart[];
  /** The server's own notes on the message; never shown. */
  meta: JsonObject;
}

/** The message cannot be read in its format. */
export class MessageError extends Error {
  override name = "MessageError";
}

/** Not a record of Zod's, which leaves out a member called __proto__. */
export const objectSchema = z.custom<JsonObject>((value) => isObject(value));

/** A text that may be null, which Go reads as if it were empty or absent. */
export const nullable = z.string().nullish().transform((text) => text ?? undefined);

/** Reads a value with a schema. @throws MessageError */
export function read<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (!result.success) throw new MessageError(`failed to unmarshal ${what}`);
  return result.data;
}

/** A text out of a meta object; empty when absent. */
export function metaText(meta: JsonObject | undefined, key: string): string {
  const value = meta?.[key];
  return typeof value === "string" ? value : "";
}

/** Drops absent values, as the server's JSON does. */
export function compact(values: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

/** Arguments of a tool call as an object, whether they were kept as JSON text or not. */
export function parseArguments(value: unknown): JsonObject {
  if (isObject(value)) return value;
  if (typeof value !== "string") return {};
  try {
    const parsed: unknown = JSON.parse(value);
    return isObject(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

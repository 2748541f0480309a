/**
 * What callers may send to `session-messages`.
 *
 * @module
 */
import * as z from "zod";
import { type EditStrategy, FORMATS } from "../core/messages/ports.ts";
import type { Path } from "../core/messages/formats/json.ts";
import type { JsonObject } from "../core/ports.ts";
import { MARK, PAGE_SIZE } from "../core/resources.ts";
import { id } from "./fields.ts";
import { messageFormats } from "./formats.ts";
import { checkJsonObject, isStorable } from "./json_limits.ts";

/** Of a message without its attachments. */
const MAX_MESSAGE_BYTES = 2 * 1024 * 1024;
/** Of all attachments of a message together. */
export const MAX_ATTACHMENT_BYTES = 16 * 1024 * 1024;
/** Of a body without attachments: the message, its `meta` and what surrounds them. */
export const MAX_BODY_BYTES = MAX_MESSAGE_BYTES + 128 * 1024;

/** Of one message in an answer of Acontext's. We read 8 MiB of one, and other members of it come on top. */
export const MAX_STORED_BYTES = 7 * 1024 * 1024;

/** Acontext takes 64 KiB, our own mark included. */
const MAX_META_BYTES = 60 * 1024;
const MAX_CURSOR_CHARACTERS = 1024;
const MAX_STRATEGIES = 10;
/** Whatever is nested deeper is refused for that. */
const MAX_SEARCHED_DEPTH = 64;

const format = z.enum(FORMATS, {
  error: `must be one of ${FORMATS.map((name) => `"${name}"`).join(", ")}`,
}).default("openai");

const BAD_TEXT = "must not contain NUL characters or lone surrogates (half an emoji): " +
  'replace them, for example with text.toWellFormed().replaceAll("\\0", "\\uFFFD")';

/** Where a text is that JSON in UTF-8 and Postgres cannot hold; null when there is none. */
function badText(value: unknown, path: Path, depth = 0): Path | null {
  if (typeof value === "string") return isStorable(value) ? null : path;
  if (typeof value !== "object" || value === null || depth > MAX_SEARCHED_DEPTH) return null;
  const members = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  for (const [name, item] of members) {
    if (typeof name === "string" && !isStorable(name)) return path;
    const found = badText(item, [...path, name], depth + 1);
    if (found !== null) return found;
  }
  return null;
}

/** Not a schema of its fields: it is stored as it was sent, and a parsed copy might lack something. */
function jsonObject(maxBytes: number) {
  return z.custom<JsonObject>().superRefine((value, context) => {
    const path = badText(value, []);
    if (path !== null) {
      context.addIssue({ code: "custom", path: [...path], message: BAD_TEXT, continue: false });
      return;
    }
    const problem = checkJsonObject(value, maxBytes);
    // Later checks may rely on an object.
    if (problem !== null) {
      context.addIssue({ code: "custom", message: problem, continue: false });
    }
  }).meta({ type: "object", description: `At most ${maxBytes} bytes` });
}

export const storeMessageBody = z.strictObject({
  format,
  message: jsonObject(MAX_MESSAGE_BYTES),
  meta: jsonObject(MAX_META_BYTES).refine((meta) => !Object.hasOwn(meta, MARK), {
    error: `must not have the member "${MARK}", which is reserved`,
  }).default({}),
}).superRefine(({ format, message }, context) => {
  const checked = messageFormats[format].safeParse(message);
  for (const { path, message } of checked.error?.issues ?? []) {
    context.addIssue({ code: "custom", path: ["message", ...path], message });
  }
});

export type StoreMessageBody = z.output<typeof storeMessageBody>;

/** Names of the uploaded files that the parts of a message in the format `acontext` ask for. */
export function fileFieldsOf({ format, message }: StoreMessageBody): string[] {
  if (format !== "acontext") return [];
  const parts = z.object({ parts: z.array(z.looseObject({ file_field: z.string().optional() })) })
    .safeParse(message);
  return (parts.data?.parts ?? []).flatMap((part) => part.file_field ?? []);
}

const wholeNumber = (min: number, max: number) =>
  z.string().regex(/^\d{1,9}$/, { error: "must be a whole number" }).transform(Number)
    .refine((number) => number >= min && number <= max, {
      error: `must be between ${min} and ${max}`,
    })
    .meta({ type: "integer", pattern: undefined, minimum: min, maximum: max });

const count = z.int().min(0);
const positive = z.int().min(1);
const toolNames = z.array(z.string());

export const editStrategy = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("remove_tool_result"),
    params: z.strictObject({
      keep_recent_n_tool_results: count.optional(),
      tool_result_placeholder: z.string().optional(),
      keep_tools: toolNames.optional(),
      gt_token: positive.optional(),
    }).optional(),
  }),
  z.strictObject({
    type: z.literal("remove_tool_call_params"),
    params: z.strictObject({
      keep_recent_n_tool_calls: count.optional(),
      keep_tools: toolNames.optional(),
      gt_token: positive.optional(),
    }).optional(),
  }),
  z.strictObject({
    type: z.literal("middle_out"),
    params: z.strictObject({ token_reduce_to: positive }),
  }),
  z.strictObject({
    type: z.literal("token_limit"),
    params: z.strictObject({ limit_tokens: positive }),
  }),
], { error: "must be an edit strategy" });

/** Old tool results go first, so that fewer messages have to. */
export const DEFAULT_STRATEGIES: EditStrategy[] = [
  { type: "remove_tool_result", params: { keep_recent_n_tool_results: 5 } },
  { type: "token_limit", params: { limit_tokens: 70_000 } },
];

const editStrategies = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: "custom", message: "must be a JSON list" });
    return z.NEVER;
  }
}).pipe(z.array(editStrategy, { error: "must be a JSON list" }).max(MAX_STRATEGIES));

export const loadMessagesQuery = z.strictObject({
  limit: wholeNumber(1, PAGE_SIZE).optional(),
  cursor: z.string().min(1, { error: "must not be empty" }).max(MAX_CURSOR_CHARACTERS).optional(),
  last: wholeNumber(1, PAGE_SIZE).optional(),
  format,
  editStrategies: editStrategies.optional(),
  pinEditingStrategiesAtMessage: id.optional(),
  allowIncomplete: z.enum(["true", "false"], { error: "must be true or false" }).default("false")
    .transform((text) => text === "true"),
  withAssetPublicUrl: z.enum(["true", "false"], { error: "must be true or false" }).default("true")
    .transform((text) => text === "true"),
}).refine((query) => query.last === undefined || (query.limit ?? query.cursor) === undefined, {
  path: ["last"],
  error: "cannot be combined with limit and cursor",
});

/** An `Idempotency-Key` header. */
export const idempotencyKey = z.string().regex(/^[\x21-\x7e]{1,255}$/, {
  error: "must be 1 to 255 visible ASCII characters",
});

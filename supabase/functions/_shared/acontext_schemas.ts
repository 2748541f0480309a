/**
 * The shapes of Acontext's answers, as far as we read them. Fields that servers of different ages have or lack are
 * optional; fields we do not name are ignored.
 *
 * @module
 */
import { z } from "zod";
import { isId } from "./contract.ts";

const id = z.string().transform((text) => text.toLowerCase()).refine(isId);

export const sessionSchema = z.object({ id, configs: z.unknown().optional() });

/** `user_id` is null, or absent, where the server does not know owner labels. */
export const diskSchema = z.object({ id, user_id: z.string().min(1).nullish() });

export const sessionPageSchema = pageOf(sessionSchema);
export const diskPageSchema = pageOf(diskSchema);

export interface Page<Item> {
  items: Item[];
  next_cursor?: string | null | undefined;
  has_more: boolean;
}

function pageOf<Item extends z.ZodType>(item: Item) {
  return z.object({
    items: z.array(item),
    next_cursor: z.string().nullish(),
    has_more: z.boolean(),
  });
}

/** Every JSON answer of Acontext is `{ code, msg, data? }`; other services' are not. */
export function isEnvelope(
  content: unknown,
): content is { code: number; msg: string; data?: unknown } {
  return typeof content === "object" && content !== null &&
    "code" in content && typeof content.code === "number" &&
    "msg" in content && typeof content.msg === "string";
}

/** The mark that a session of ours carries in its `configs`. */
export function sessionMark(namespace: string, sessionId: string) {
  return { acontext_sessions: { namespace, session_id: sessionId } };
}

export function carriesMark(configs: unknown, namespace: string, sessionId: string): boolean {
  if (typeof configs !== "object" || configs === null || !("acontext_sessions" in configs)) {
    return false;
  }
  const mark = configs.acontext_sessions;
  return typeof mark === "object" && mark !== null &&
    "namespace" in mark && mark.namespace === namespace &&
    "session_id" in mark && mark.session_id === sessionId;
}

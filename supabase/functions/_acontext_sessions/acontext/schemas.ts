/**
 * The shapes of Acontext's answers, as far as we read them. Fields that servers of different ages have or lack are
 * optional; fields we do not name are ignored.
 *
 * @module
 */
import * as z from "zod";
import { isId } from "../core/ids.ts";
import { MARK } from "../core/resources.ts";

const id = z.string().transform((text) => text.toLowerCase()).refine(isId);

export const sessionSchema = z.object({ id, configs: z.unknown().optional() });

/** `user_id` is null, or absent, where the server does not know owner labels. */
export const diskSchema = z.object({ id, user_id: z.string().min(1).nullish() });

/** A time that PostgreSQL reads, too: it knows no year 0, no offset of 16 hours, and not any number of digits. */
const listed = {
  created_at: z.iso.datetime({ offset: true }).max(40).refine((time) =>
    !time.startsWith("0000") && !/[+-](1[6-9]|2\d):?\d\d$/.test(time)
  ),
};

/** An owner label; Acontext calls it a user. */
export const labelSchema = z.object({ identifier: z.string(), ...listed });
export const datedSessionSchema = sessionSchema.extend(listed);
export const datedDiskSchema = diskSchema.extend(listed);

export const sessionPageSchema = pageOf(sessionSchema);
export const diskPageSchema = pageOf(diskSchema);
/** A page whose items are read one by one. */
export const loosePageSchema = pageOf(z.unknown());

export const labelUseSchema = z.object({
  counts: z.object({
    sessions_count: z.int(),
    disks_count: z.int(),
    skills_count: z.int(),
  }),
});

/** What is directly in a directory of a disk, by name. */
export const fileNamesSchema = z.object({
  artifacts: z.array(z.object({ filename: z.string() })).nullish(),
  directories: z.array(z.string()).nullish(),
}).transform(({ artifacts, directories }) => ({
  files: (artifacts ?? []).map(({ filename }) => filename),
  directories: (directories ?? []).filter((name) => /^[^/]+$/.test(name)),
}));

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

/** The mark that a session of ours carries in its `configs`; without an id, what all marks of the namespace have. */
export function sessionMark(namespace: string, sessionId?: string) {
  return {
    [MARK]: {
      namespace,
      ...(sessionId === undefined ? {} : { session_id: sessionId }),
    },
  };
}

export function carriesMark(configs: unknown, namespace: string, sessionId: string): boolean {
  return markedSessionId(configs, namespace) === sessionId;
}

/** The session id in the mark; null without a mark of this namespace. */
export function markedSessionId(configs: unknown, namespace: string): string | null {
  if (typeof configs !== "object" || configs === null || !(MARK in configs)) {
    return null;
  }
  const mark = configs[MARK];
  return typeof mark === "object" && mark !== null &&
      "namespace" in mark && mark.namespace === namespace &&
      "session_id" in mark && typeof mark.session_id === "string" && isId(mark.session_id)
    ? mark.session_id
    : null;
}

/** The owner label of a session's disk. */
export function diskLabel(namespace: string, sessionId: string): string {
  return `${namespace}:${sessionId}`;
}

/** The session id in a label; null for a label that is not of this namespace. */
export function labelledSessionId(label: string, namespace: string): string | null {
  const prefix = diskLabel(namespace, "");
  const rest = label.slice(prefix.length);
  return label.startsWith(prefix) && isId(rest) ? rest : null;
}

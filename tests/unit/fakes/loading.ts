/** Messages said and loaded through the core, with the stand-in behind it. @module */

import { assertRejects } from "@std/assert/mod.js";
import { AppError } from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import {
  loadMessages,
  type LoadMessagesInput,
} from "../../../supabase/functions/_acontext_sessions/core/messages/load_messages.ts";
import type { MessageWorld } from "./message_world.ts";

export async function say(world: MessageWorld, count: number): Promise<string[]> {
  const texts = Array.from({ length: count }, (_, index) => `${index}`);
  for (const content of texts) {
    await world.messages.store(world.key.sessionId, {
      format: "openai",
      message: { role: "user", content },
      meta: {},
      attachments: new Map(),
    }, crypto.randomUUID());
  }
  return texts;
}

export function load(world: MessageWorld, input: Partial<LoadMessagesInput> = {}) {
  return loadMessages(world.deps, {
    key: world.key,
    limit: null,
    cursor: null,
    last: null,
    format: "openai",
    editStrategies: [],
    pinEditsAt: null,
    withAssetUrls: true,
    allowIncomplete: false,
    ...input,
  });
}

export async function texts(loading: ReturnType<typeof load>): Promise<unknown[]> {
  return (await loading).messages.map(({ message }) =>
    typeof message === "object" && message !== null && "content" in message && message["content"]
  );
}

export async function walk(world: MessageWorld, limit: number): Promise<(string | null)[]> {
  const ids: (string | null)[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof load>> = await load(world, { limit, cursor });
    ids.push(...page.messages.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return ids;
}

export async function codeOf(work: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => work, AppError)).code;
}

/** Drops the oldest messages until the rest fits, a tool call together with its result. @module */

import type { JsonObject } from "../../json.ts";
import type { Message } from "../../store/messages.ts";
import { metaText } from "../normalized.ts";
import type { TokenCounter } from "../tokens.ts";
import { requiredPositive } from "./params.ts";

export function tokenLimit(
  messages: readonly Message[],
  params: JsonObject,
  tokens: TokenCounter,
): Message[] {
  const limit = requiredPositive(params, "limit_tokens");
  const sizes = messages.map((message) => tokens.ofMessage(message));
  let total = sizes.reduce((sum, size) => sum + size, 0);
  const resultOf = new Map(
    messages.flatMap(({ parts }, index): [string, number][] =>
      parts.filter(({ type }) => type === "tool-result")
        .map(({ meta }) => [metaText(meta, "tool_call_id"), index])
    ),
  );
  const dropped = new Set<number>();

  function drop(index: number | undefined): void {
    if (index === undefined || dropped.has(index)) return;
    dropped.add(index);
    total -= sizes[index] ?? 0;
  }
  for (const [index, { parts }] of messages.entries()) {
    if (total <= limit) break;
    drop(index);
    for (const { type, meta } of parts) {
      const id = metaText(meta, "id");
      if (type === "tool-call" && id !== "") drop(resultOf.get(id));
    }
  }
  return messages.filter((_, index) => !dropped.has(index));
}

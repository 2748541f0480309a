/** Drops messages out of the middle until the rest fits; tool calls and results go together. @module */

import type { JsonObject } from "../../json.ts";
import type { Message } from "../../store/messages.ts";
import { metaText } from "../normalized.ts";
import type { Part } from "../part.ts";
import type { TokenCounter } from "../tokens.ts";
import { requiredPositive, StrategyError } from "./params.ts";

export function middleOut(
  messages: readonly Message[],
  params: JsonObject,
  tokens: TokenCounter,
): Message[] {
  const limit = requiredPositive(params, "token_reduce_to");
  if (!Number.isInteger(params["token_reduce_to"])) {
    throw new StrategyError("token_reduce_to must be an integer");
  }
  let left = messages.map((message) => ({ message, size: tokens.ofMessage(message) }));
  let total = left.reduce((sum, { size }) => sum + size, 0);
  while (total > limit && left.length > 0) {
    // Of the last two the older one goes, so that the newest stays longest.
    const index = left.length <= 2 ? 0 : Math.floor(left.length / 2);
    const dropped = withPartners(left.map(({ message }) => message), index);
    total -= left.reduce((sum, { size }, at) => dropped.has(at) ? sum + size : sum, 0);
    left = left.filter((_, at) => !dropped.has(at));
  }
  return left.map(({ message }) => message);
}

/** The message itself and all that hang together with it through tool call ids. */
function withPartners(messages: readonly Message[], start: number): Set<number> {
  const found = new Set([start]);
  for (const index of found) { // grows while it is walked
    const ids = new Set(messages[index]?.parts.flatMap(callIds));
    messages.forEach(({ parts }, other) => {
      if (parts.flatMap(callIds).some((id) => ids.has(id))) found.add(other);
    });
  }
  return found;
}

function callIds({ type, meta }: Part): string[] {
  const key = type === "tool-call" ? "id" : type === "tool-result" ? "tool_call_id" : null;
  const id = key === null ? "" : metaText(meta, key);
  return id === "" ? [] : [id];
}

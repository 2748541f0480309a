/** Strategies that empty old tool results and old tool calls. @module */

import type { JsonObject } from "../../json.ts";
import type { Message } from "../../store/messages.ts";
import { metaText } from "../normalized.ts";
import type { Part } from "../part.ts";
import type { TokenCounter } from "../tokens.ts";
import { countParam, namesParam, StrategyError, thresholdParam } from "./params.ts";

/** Replaces the text of all but the most recent tool results. */
export function removeToolResult(
  messages: readonly Message[],
  params: JsonObject,
  tokens: TokenCounter,
): Message[] {
  const keep = countParam(params, "keep_recent_n_tool_results", 3);
  const placeholder = placeholderParam(params);
  const keepTools = namesParam(params, "keep_tools");
  const threshold = thresholdParam(params, "gt_token");
  const toolNames = new Map(
    messages.flatMap(({ parts }) => parts).filter(({ type }) => type === "tool-call")
      .map(({ meta }) => [metaText(meta, "id"), metaText(meta, "name")]),
  );
  return replaceOldest(messages, {
    keep,
    concerns: ({ type, meta }) =>
      type === "tool-result" &&
      !keepTools.has(toolNames.get(metaText(meta, "tool_call_id")) ?? ""),
    replace: (part) =>
      threshold > 0 && tokens.ofText(part.text ?? "") <= threshold
        ? part
        : { ...part, text: placeholder },
  });
}

/** Empties the arguments of all but the most recent tool calls. */
export function removeToolCallParams(
  messages: readonly Message[],
  params: JsonObject,
  tokens: TokenCounter,
): Message[] {
  const keep = countParam(params, "keep_recent_n_tool_calls", 3);
  const keepTools = namesParam(params, "keep_tools");
  const threshold = thresholdParam(params, "gt_token");
  return replaceOldest(messages, {
    keep,
    concerns: ({ type, meta }) => type === "tool-call" && !keepTools.has(metaText(meta, "name")),
    replace: (part) => {
      const args = part.meta?.["arguments"] ?? "";
      const text = typeof args === "string" ? args : JSON.stringify(args);
      if (threshold > 0 && tokens.ofText(text) <= threshold) return part;
      return { ...part, meta: { ...part.meta, arguments: "{}" } };
    },
  });
}

function placeholderParam(params: JsonObject): string {
  const value = params["tool_result_placeholder"] ?? "Done";
  if (typeof value !== "string") {
    throw new StrategyError("tool_result_placeholder must be a string");
  }
  return value.trim() || "Done";
}

interface Replacement {
  /** How many of the newest are left alone. */
  keep: number;
  concerns(part: Part): boolean;
  replace(part: Part): Part;
}

function replaceOldest(
  messages: readonly Message[],
  { keep, concerns, replace }: Replacement,
): Message[] {
  let left = messages.flatMap(({ parts }) => parts).filter(concerns).length - keep;
  return messages.map((message) => ({
    ...message,
    parts: message.parts.map((part) => {
      if (left <= 0 || !concerns(part)) return part;
      left -= 1;
      return replace(part);
    }),
  }));
}

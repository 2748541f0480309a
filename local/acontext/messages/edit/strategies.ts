/** Edit strategies: what to leave out of a page before it is rendered. @module */

import type { JsonObject } from "../../json.ts";
import type { Message } from "../../store/messages.ts";
import type { TokenCounter } from "../tokens.ts";
import { middleOut } from "./middle_out.ts";
import { removeToolCallParams, removeToolResult } from "./remove_tool_parts.ts";
import { StrategyError } from "./params.ts";
import { tokenLimit } from "./token_limit.ts";

export interface StrategyConfig {
  type: string;
  params: JsonObject;
}

export type Strategy = (
  messages: readonly Message[],
  params: JsonObject,
  tokens: TokenCounter,
) => Message[];

const STRATEGIES = new Map<string, Strategy>([
  ["remove_tool_result", removeToolResult],
  ["remove_tool_call_params", removeToolCallParams],
  ["middle_out", middleOut],
  ["token_limit", tokenLimit],
]);

/** @throws StrategyError for an unknown strategy or a bad parameter. */
export function applyStrategies(
  messages: readonly Message[],
  configs: readonly StrategyConfig[],
  tokens: TokenCounter,
): Message[] {
  return configs.reduce<Message[]>((left, { type, params }) => {
    const strategy = STRATEGIES.get(type);
    if (strategy === undefined) throw new StrategyError(`unknown strategy type: ${type}`);
    return strategy(left, params, tokens);
  }, [...messages]);
}

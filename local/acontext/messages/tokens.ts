/** Token counts with o200k_base, as the server makes them. @module */

import type { Message } from "../store/messages.ts";
import { compact } from "./normalized.ts";
import type { Part } from "./part.ts";

export interface TokenCounter {
  ofText(text: string): number;
  ofMessage(message: Message): number;
  ofMessages(messages: readonly Message[]): number;
}

let loading: Promise<TokenCounter> | undefined;

/**
 * Loads the tokenizer on first use: its table takes some tenths of a second, and most runs need none. Later calls wait
 * for nothing but a microtask.
 */
export function loadTokenCounter(): Promise<TokenCounter> {
  loading ??= import("gpt-tokenizer/encoding/o200k_base").then(({ countTokens }) =>
    createTokenCounter((text) => countTokens(text, { disallowedSpecial: new Set() }))
  );
  return loading;
}

function createTokenCounter(ofText: (text: string) => number): TokenCounter {
  function ofMessage({ parts }: Message): number {
    const text = parts.map(countedText).join("");
    return text === "" ? 0 : ofText(text);
  }
  return {
    ofText,
    ofMessage,
    ofMessages: (messages) => messages.reduce((sum, message) => sum + ofMessage(message), 0),
  };
}

/** What of a part counts: its text, and of a tool call the name and the arguments. */
function countedText({ type, text, meta }: Part): string {
  if (type === "tool-call") {
    if (meta === undefined) return "";
    return `${JSON.stringify(compact({ arguments: meta["arguments"], name: meta["name"] }))}\n`;
  }
  return text ? `${text}\n` : "";
}

/**
 * The formats of messages.
 *
 * @module
 */

export const FORMATS = ["openai", "acontext", "anthropic", "gemini"] as const;
export type Format = typeof FORMATS[number];

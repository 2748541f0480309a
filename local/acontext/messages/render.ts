/** From stored parts to any format. @module */

import type { JsonObject } from "../json.ts";
import type { Message } from "../store/messages.ts";
import type { Files } from "./files.ts";
import type { Format } from "./normalized.ts";
import { toAcontext } from "./to_acontext.ts";
import { toAnthropic } from "./to_anthropic.ts";
import { toGemini } from "./to_gemini.ts";
import { toOpenai } from "./to_openai.ts";

export interface RenderContext {
  files: Files;
  /** The message before. */
  parentOf(id: string): string | null;
}

export function render(
  format: Format,
  messages: readonly Message[],
  { files, parentOf }: RenderContext,
): JsonObject[] {
  switch (format) {
    case "acontext":
      return messages.map((message) => toAcontext(message, parentOf(message.id)));
    case "openai":
      return toOpenai(messages, files);
    case "anthropic":
      return toAnthropic(messages, files);
    case "gemini":
      return toGemini(messages, files);
  }
}

/** From any format to parts. @module */

import { fromAcontext } from "./from_acontext.ts";
import { fromAnthropic } from "./from_anthropic.ts";
import { fromGemini } from "./from_gemini.ts";
import { fromOpenai } from "./from_openai.ts";
import type { Format, IncomingMessage } from "./normalized.ts";

/** @throws MessageError when the blob is not a message of the format. */
export function normalize(
  format: Format,
  blob: unknown,
  newCallId: () => string,
): IncomingMessage {
  switch (format) {
    case "acontext":
      return fromAcontext(blob);
    case "openai":
      return fromOpenai(blob);
    case "anthropic":
      return fromAnthropic(blob);
    case "gemini":
      return fromGemini(blob, newCallId);
  }
}

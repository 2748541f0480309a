/**
 * Messages that the providers' own types allow, generated. `MESSAGES=100000` makes it long, `SEED` repeats it.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert/mod.js";
import fc from "fast-check";
import { fromAcontext } from "../../../../../local/acontext/messages/from_acontext.ts";
import { uniqueBlob } from "../../../../../supabase/functions/_acontext_sessions/acontext/unique_content.ts";
import { storeMessageBody } from "../../../../../supabase/functions/_acontext_sessions/contract/messages.ts";
import { messageFormats } from "../../../../../supabase/functions/_acontext_sessions/contract/formats.ts";
import { notKept } from "../../../../../supabase/functions/_acontext_sessions/core/messages/formats/own.ts";
import {
  showMessages,
  type Shown,
} from "../../../../../supabase/functions/_acontext_sessions/core/messages/formats/show.ts";
import {
  type Format,
  FORMATS,
} from "../../../../../supabase/functions/_acontext_sessions/core/messages/ports.ts";
import type { JsonObject } from "../../../../../supabase/functions/_acontext_sessions/core/ports.ts";
import { acontextMessage } from "../../../../support/messages/acontext.ts";
import { anthropicMessage } from "../../../../support/messages/anthropic.ts";
import { geminiMessage } from "../../../../support/messages/gemini.ts";
import { openaiMessage } from "../../../../support/messages/openai.ts";

const MESSAGES = Number(Deno.env.get("MESSAGES") ?? 2000);
const SEED = Number(Deno.env.get("SEED") ?? 20261128);
const ID = "11111111-2222-4333-8444-55555555abcd";

const GENERATED: Record<Format, fc.Arbitrary<object>> = {
  openai: openaiMessage,
  anthropic: anthropicMessage,
  gemini: geminiMessage,
  acontext: acontextMessage,
};

function overTheNetwork(value: object): JsonObject {
  return JSON.parse(JSON.stringify(value));
}

/** As Acontext gives it back. */
function stored(format: Format, message: JsonObject): JsonObject {
  const made = { format, message, meta: {}, attachments: new Map() };
  return overTheNetwork(uniqueBlob(made, "nonce").blob);
}

function shown(from: JsonObject, format: Format): Shown {
  const [found] = showMessages([{ id: ID, message: from }], { format, urls: {} });
  if (found === undefined) throw new Error("nothing is shown");
  return found;
}

/** Runs one message after the other: MESSAGES in all, spread over the formats. */
function forEach(format: Format, check: (message: JsonObject) => void): void {
  fc.assert(
    fc.property(GENERATED[format], (found) => check(overTheNetwork(found))),
    { numRuns: Math.ceil(MESSAGES / FORMATS.length), seed: SEED },
  );
}

for (const format of FORMATS) {
  Deno.test(`a message of ${format} comes back as it is, or is refused when it is stored`, () => {
    let refused = 0;
    let all = 0;
    forEach(format, (message) => {
      all++;
      const { error } = storeMessageBody.safeParse({ format, message });
      const lost = notKept(format, message);
      if (error !== undefined || lost.length > 0) {
        refused++;
        for (const { path } of error?.issues ?? []) assertEquals(path[0], "message");
        return;
      }
      const from = stored(format, message);
      // Throws where Acontext would refuse it.
      fromAcontext(from);
      const { messages, omitted } = shown(from, format);
      assertEquals(omitted, []);
      const [back] = messages;
      if (format !== "acontext") return assertEquals<unknown>(messages, [message]);
      const { meta: _notes, ...rest } = message;
      const { meta: _own, ...parts } = typeof back === "object" ? overTheNetwork(back ?? {}) : {};
      assertEquals<unknown>(parts, rest);
    });
    assert(refused < all / 10, `${refused} of ${all} were refused`);
  });

  Deno.test(`a message of ${format} is one that can be stored, in every other format`, () => {
    forEach(format, (message) => {
      if (storeMessageBody.safeParse({ format, message }).error !== undefined) return;
      const from = stored(format, message);
      for (const other of FORMATS) {
        if (other === format) continue;
        const { messages, omitted } = shown(from, other);
        assert(messages.length + omitted.length > 0, `nothing in ${other}`);
        for (const found of messages) {
          if (other === "acontext") continue;
          const { error } = messageFormats[other].safeParse(found);
          assertEquals(error?.issues, undefined, `${other}: ${JSON.stringify(found)}`);
        }
      }
    });
  });
}

/** Generated messages, from the request to Acontext and back. `MESSAGES` says how many of each format. @module */

import { assert, assertEquals } from "@std/assert/mod.js";
import fc from "fast-check";
import {
  type Format,
  FORMATS,
} from "../../supabase/functions/_acontext_sessions/core/messages/ports.ts";
import type { Json, JsonObject } from "../../supabase/functions/_acontext_sessions/core/ports.ts";
import { acontextMessage } from "../support/messages/acontext.ts";
import { anthropicMessage } from "../support/messages/anthropic.ts";
import { geminiMessage } from "../support/messages/gemini.ts";
import { openaiMessage } from "../support/messages/openai.ts";
import { converse } from "./support/conversations.ts";
import { integrationTest } from "./support/world.ts";

const MESSAGES = Number(Deno.env.get("MESSAGES") ?? 25);
const SEED = Number(Deno.env.get("SEED") ?? 20261128);
const GENERATED: Record<Format, fc.Arbitrary<object>> = {
  openai: openaiMessage,
  anthropic: anthropicMessage,
  gemini: geminiMessage,
  acontext: acontextMessage,
};

/** Of a message in Acontext's own format, what its caller stored; its notes are Acontext's, too. */
function ownMembers(loaded: Json, stored: JsonObject): Json {
  const members: JsonObject = JSON.parse(JSON.stringify(loaded));
  const names = Object.keys(stored).filter((name) => name !== "meta");
  return Object.fromEntries(names.map((name) => [name, members[name] ?? null]));
}

for (const format of FORMATS) {
  integrationTest(`whatever ${format} allows comes back as it is, or is refused`, async (world) => {
    const { chat } = await converse(world);
    const stored: JsonObject[] = [];
    for (const found of fc.sample(GENERATED[format], { numRuns: MESSAGES, seed: SEED })) {
      const message: JsonObject = JSON.parse(JSON.stringify(found));
      const { status } = await chat.store({ format, message });
      assert([201, 400, 422].includes(status), JSON.stringify(message));
      if (status === 201) stored.push(message);
    }
    assert(stored.length > MESSAGES * 0.8);
    const { messages, omitted } = await chat.page({ format, editStrategies: "[]" });
    assertEquals(omitted, undefined);
    assertEquals(messages.length, stored.length);
    for (const [index, { message }] of messages.entries()) {
      const { meta: _meta, ...wanted } = stored[index] ?? {};
      if (format === "acontext") assertEquals<unknown>(ownMembers(message, wanted), wanted);
      else assertEquals<unknown>(message, stored[index]);
    }
    for (const other of FORMATS) {
      const page = await chat.page({ format: other, editStrategies: "[]" });
      assert(page.messages.every(({ id }) => id !== null));
    }
  });
}

/** What is stored of a message is shared with no other. @module */

import { assertEquals } from "@std/assert/mod.js";
import type { JsonObject } from "../../../../supabase/functions/_acontext_sessions/core/ports.ts";
import type { Format } from "../../../../supabase/functions/_acontext_sessions/core/messages/ports.ts";
import { load } from "../../fakes/loading.ts";
import { withMessageWorld } from "../../fakes/message_world.ts";

Deno.test("equal messages as the official SDKs make them share nothing", async () => {
  const text = { type: "text", text: "hi" };
  const call = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };
  const answers: [Format, JsonObject][] = [
    ["openai", { role: "assistant", content: "hi", refusal: null, annotations: [] }],
    ["openai", {
      role: "assistant",
      content: "hi",
      refusal: null,
      audio: null,
      function_call: null,
      tool_calls: null,
    }],
    ["openai", { role: "assistant", content: null, refusal: null, tool_calls: [call] }],
    ["openai", { role: "tool", tool_call_id: "c", content: "Done" }],
    ["openai", { role: "tool", tool_call_id: "c", content: [text] }],
    ["anthropic", { role: "assistant", content: [{ ...text, citations: null }] }],
    ["anthropic", {
      role: "user",
      content: [{ type: "tool_result", tool_use_id: "c", content: "Done" }],
    }],
    ["anthropic", {
      role: "assistant",
      content: [{ type: "tool_use", id: "c", name: "f", input: {}, caller: null }],
    }],
    ["gemini", { role: "model", parts: [{ text: "hi", thoughtSignature: "c2ln" }] }],
    ["gemini", { role: "model", parts: [{ text: "hm", thought: true }, { text: "hi" }] }],
    ["gemini", { role: "model", parts: [{ functionCall: { name: "f" } }] }],
    ["openai", { role: "function", name: "f", content: "Done" }],
    ["anthropic", {
      role: "assistant",
      content: [{ type: "thinking", thinking: "", signature: "s" }],
    }],
  ];
  await withMessageWorld(async (world) => {
    for (const [format, message] of [...answers, ...answers]) {
      const made = { format, message, meta: {}, attachments: new Map() };
      const { sessionId } = world.key;
      const outcome = await world.messages.store(sessionId, made, crypto.randomUUID());
      assertEquals(outcome.kind, "done", JSON.stringify(message));
    }
    assertEquals(world.standIn.control.content().objects.length, 2 * answers.length);
  });
});

Deno.test("what is stored is unlike anything else, and loads as it was stored", async () => {
  await withMessageWorld(async (world) => {
    const text = { type: "text", text: "hi" };
    const stored = [
      { format: "openai", message: { role: "system", content: "hi", name: "bob" } },
      { format: "openai", message: { role: "user", content: [text] } },
      { format: "anthropic", message: { role: "assistant", content: [text, text] } },
      { format: "gemini", message: { role: "model", parts: [{ text: "hi" }] } },
      {
        format: "acontext",
        message: { role: "user", parts: [{ ...text, meta: { a: 1 } }, text] },
      },
    ] as const;
    for (const { format, message } of [...stored, ...stored]) {
      const copy: JsonObject = JSON.parse(JSON.stringify(message));
      const made = { format, message: copy, meta: { n: 1 } };
      const attachments = new Map();
      const outcome = await world.messages.store(
        world.key.sessionId,
        { ...made, attachments },
        crypto.randomUUID(),
      );
      assertEquals(outcome.kind, "done");
    }
    assertEquals(world.standIn.control.content().objects.length, 2 * stored.length);
    for (const [index, { format, message }] of stored.entries()) {
      const { messages } = await load(world, { format });
      assertEquals(messages[index]?.meta, { n: 1 });
      const loaded = messages[index]?.message;
      if (format !== "acontext") {
        assertEquals<unknown>(loaded, message);
      } else {
        assertEquals(JSON.stringify(loaded).includes("acontext_sessions"), false);
        assertEquals<unknown>(
          typeof loaded === "object" && loaded !== null && "parts" in loaded && loaded["parts"],
          message.parts,
        );
      }
    }
  });
});

/**
 * Generated messages on the server under test. `MESSAGES` says how many of each format.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert/mod.js";
import fc from "fast-check";
import { createMessages } from "../../supabase/functions/_acontext_sessions/acontext/messages.ts";
import { storeMessageBody } from "../../supabase/functions/_acontext_sessions/contract/messages.ts";
import { notKept } from "../../supabase/functions/_acontext_sessions/core/messages/formats/own.ts";
import type {
  Format,
  LoadedMessage,
} from "../../supabase/functions/_acontext_sessions/core/messages/ports.ts";
import type { JsonObject } from "../../supabase/functions/_acontext_sessions/core/ports.ts";
import { acontextMessage } from "../support/messages/acontext.ts";
import { anthropicMessage } from "../support/messages/anthropic.ts";
import { geminiMessage } from "../support/messages/gemini.ts";
import { openaiMessage } from "../support/messages/openai.ts";
import type { Api } from "./api.ts";
import { contractTest } from "./harness.ts";

const MESSAGES = Number(Deno.env.get("MESSAGES") ?? 100);
const SEED = Number(Deno.env.get("SEED") ?? 20261128);
const PAGE = 50;

function generated(format: Format, arbitrary: fc.Arbitrary<object>): JsonObject[] {
  return fc.sample(arbitrary, { numRuns: MESSAGES, seed: SEED })
    .map((message): JsonObject => JSON.parse(JSON.stringify(message)))
    .filter((message) =>
      storeMessageBody.safeParse({ format, message }).success &&
      notKept(format, message).length === 0
    );
}

async function roundTrip(api: Api, format: Format, messages: JsonObject[]) {
  const remote = createMessages({
    baseUrl: api.baseUrl,
    apiKey: api.apiKey,
    timeoutMs: 30_000,
    namespace: "contract",
    fetch,
  });
  const id = await api.session({ disable_task_tracking: true });
  for (const message of messages) {
    const made = { format, message, meta: {}, attachments: new Map() };
    const outcome = await remote.store(id, made, crypto.randomUUID());
    assertEquals(outcome.kind, "done", JSON.stringify(message));
  }
  const loaded: LoadedMessage[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof remote.page>> = await remote.page(id, {
      limit: PAGE,
      cursor,
      newest: false,
      format,
      editStrategies: [],
      pinEditsAt: null,
      withAssetUrls: false,
    });
    if (page.kind !== "done") throw new Error(`Cannot load: ${page.kind}`);
    assertEquals(page.value.omitted, undefined);
    loaded.push(...page.value.messages);
    cursor = page.value.next;
  } while (cursor !== null);
  return loaded;
}

for (
  const [format, arbitrary] of [
    ["openai", openaiMessage],
    ["anthropic", anthropicMessage],
    ["gemini", geminiMessage],
  ] as const
) {
  contractTest(`${format}: whatever its types allow comes back as it was stored`, async (api) => {
    const messages = generated(format, arbitrary);
    assert(messages.length > MESSAGES * 0.9);
    const loaded = await roundTrip(api, format, messages);
    for (const [index, message] of messages.entries()) {
      assertEquals<unknown>(loaded[index]?.message, message);
    }
    assertEquals(loaded.length, messages.length);
  });
}

contractTest("acontext: whatever its API takes comes back as it was stored", async (api) => {
  const messages = generated("acontext", acontextMessage);
  assert(messages.length > MESSAGES * 0.9);
  const loaded = await roundTrip(api, "acontext", messages);
  for (const [index, { meta, ...message }] of messages.entries()) {
    const back: JsonObject = JSON.parse(JSON.stringify(loaded[index]?.message ?? null));
    const members = Object.keys(message).map((name) => [name, back[name]]);
    assertEquals<unknown>(Object.fromEntries(members), message);
    assertEquals<unknown>(back["meta"], { source_format: "acontext", ...Object(meta) });
  }
});

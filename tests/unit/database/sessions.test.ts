import { assertEquals } from "@std/assert/mod.js";
import { createClient } from "@supabase/supabase-js";
import type { Database } from "../../../supabase/functions/_acontext_sessions/database/database.types.ts";
import { createSessionStore } from "../../../supabase/functions/_acontext_sessions/database/sessions.ts";

/** The metadata of an existing session of which the database says what is given here. */
async function metadataOf(text: string): Promise<unknown> {
  const row =
    `{"id":"s","status":"active","title":null,"metadata":${text},"pinned":false,"ttl":null,
    "messageCount":0,"acontextSessionId":"s","acontextDiskId":"d","createdAt":"t","updatedAt":"t",
    "lastActivityAt":"t","expiresAt":null}`;
  const client = createClient<Database>("http://x.test", "key", {
    auth: { persistSession: false, autoRefreshToken: false },
    global: {
      fetch: () =>
        Promise.resolve(
          new Response(`{"outcome":"existing","session":${row}}`, {
            headers: { "content-type": "application/json" },
          }),
        ),
    },
  });
  const begun = await createSessionStore(client).beginSession({
    userId: "u",
    sessionId: "s",
    title: null,
    metadata: {},
    ttl: null,
    pinned: false,
  }, { leaseId: "l", leaseSeconds: 60 });
  return begun.outcome === "existing" ? begun.session.metadata : begun.outcome;
}

Deno.test("metadata is answered as it is, whatever the table accepted once", async () => {
  const deepest = `{"a":${"[".repeat(4000)}${"]".repeat(4000)}}`;
  const named = '{"__proto__":{"a":1},"constructor":"b"}';
  for (const text of ["{}", named, deepest]) {
    assertEquals(JSON.stringify(await metadataOf(text)), text);
  }
  assertEquals(await metadataOf('{"a":1e400}'), { a: Infinity });
});

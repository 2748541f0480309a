import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { createClient } from "@supabase/supabase-js";
import { AppError } from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import type { Database } from "../../../supabase/functions/_acontext_sessions/database/database.types.ts";
import { createMessageStore } from "../../../supabase/functions/_acontext_sessions/database/messages.ts";

const KEY = { userId: "u", sessionId: "s" };
const IDS = { acontextSessionId: "a", acontextDiskId: "d" };
const MESSAGE = { id: "m", createdAt: "2026-11-20T12:00:00+00:00" };
const HASHES = { keyHash: "k", bodyHash: "b" };
const LEASE = { leaseId: "l", leaseSeconds: 60 };

/** The store over a database that gives this answer, and what it was asked. */
function storeAnswering(body: unknown, status = 200) {
  const asked: [string, unknown][] = [];
  const client = createClient<Database>("http://x.test", "key", {
    auth: { persistSession: false, autoRefreshToken: false },
    global: {
      fetch: async (input, init) => {
        const request = new Request(input, init);
        asked.push([new URL(request.url).pathname.split("/").at(-1) ?? "", await request.json()]);
        return Response.json(body, { status });
      },
    },
  });
  return { store: createMessageStore(client), asked };
}

Deno.test("each method of the message store is one call of one database function", async () => {
  const answer = { outcome: "ok", ...IDS, storedMessages: null } as const;
  const used = storeAnswering(answer);
  assertEquals(
    await used.store.useSession(KEY, { touch: true, writes: true }),
    answer,
  );
  assertEquals(used.asked, [["acontext_use_session", {
    p_user_id: "u",
    p_session_id: "s",
    p_touch: true,
    p_writes: true,
  }]]);

  const written = storeAnswering(answer);
  assertEquals(await written.store.beginFileWrite(KEY), answer);
  assertEquals(written.asked, [["acontext_begin_file_write", {
    p_user_id: "u",
    p_session_id: "s",
  }]]);

  const noted = storeAnswering(null);
  await noted.store.noteWrite("s");
  assertEquals(noted.asked, [["acontext_note_write", { p_session_id: "s" }]]);

  const begun = storeAnswering({ outcome: "stored", message: MESSAGE });
  assertEquals(await begun.store.beginMessage(KEY, HASHES, LEASE), {
    outcome: "stored",
    message: MESSAGE,
  });
  assertEquals(begun.asked, [["acontext_begin_message", {
    p_user_id: "u",
    p_session_id: "s",
    p_lease_id: "l",
    p_lease_seconds: 60,
    p_key_hash: "k",
    p_body_hash: "b",
  }]]);

  const settled = storeAnswering({ active: true });
  const claim = { leaseId: "l", keyHash: "k" };
  await settled.store.settleMessage({ sessionId: "s", result: "stored", claim, message: MESSAGE });
  await settled.store.settleMessage({
    sessionId: "s",
    result: "refused",
    claim,
    message: null,
  });
  assertEquals(settled.asked, [
    ["acontext_settle_message", {
      p_session_id: "s",
      p_result: "stored",
      p_lease_id: "l",
      p_key_hash: "k",
      p_message_id: "m",
      p_message_created_at: MESSAGE.createdAt,
    }],
    ["acontext_settle_message", {
      p_session_id: "s",
      p_result: "refused",
      p_lease_id: "l",
      p_key_hash: "k",
    }],
  ]);
});

Deno.test("every outcome of the database is known, and no other", async () => {
  const unusable = ["not_found", "provisioning", "deleting", "expired"];
  for (const outcome of [...unusable, "mismatch"]) {
    const { store } = storeAnswering({ outcome });
    assertEquals<unknown>(await store.beginMessage(KEY, HASHES, LEASE), { outcome });
  }
  const limited = { outcome: "rate_limited", retryAfterMs: 2000 } as const;
  assertEquals(await storeAnswering(limited).store.beginMessage(KEY, HASHES, LEASE), limited);
  assertEquals(await storeAnswering(limited).store.beginFileWrite(KEY), limited);
  for (const outcome of unusable) {
    const { store } = storeAnswering({ outcome });
    assertEquals<unknown>(
      await store.useSession(KEY, { touch: false, writes: false }),
      {
        outcome,
      },
    );
  }
  for (const answer of [{ outcome: "ok" }, { outcome: "fine" }, null, []]) {
    const { store } = storeAnswering(answer);
    const error = await assertRejects(
      () => store.useSession(KEY, { touch: true, writes: false }),
      AppError,
    );
    assertEquals(error.code, "database_refused");
  }
});

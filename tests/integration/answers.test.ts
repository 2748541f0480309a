/** Answers that openapi.json documents and that no test of a function's own work meets. */
import { assertEquals } from "@std/assert/mod.js";
import { converse } from "./support/conversations.ts";
import { assertRefused } from "./support/functions.ts";
import { integrationTest } from "./support/world.ts";

integrationTest(
  "session-health refuses a wrong key and a wrong query",
  async (world) => {
    const ask = (query: string, apikey = world.info.secretKey) =>
      world.call("session-health", query, { headers: { apikey } });
    assertRefused(await ask("", "sb_secret_wrong"), 401, "unauthorized");
    assertRefused(await ask("?format=xml"), 400, "invalid_request");
  },
);

integrationTest("an Acontext that refuses to make a session answers 502", async (world) => {
  const user = await world.newUser();
  const fault = { kind: "status", status: 400 } as const;
  await world.remote.withFaults([{ route: "POST /session", fault }], async () => {
    assertRefused(await world.create(user), 502, "acontext_rejected");
  });
});

integrationTest("a deletion by POST answers as one by DELETE", async (world) => {
  const user = await world.newUser();
  const { id } = await world.created(user);
  assertRefused(await world.remove(user, "x", "POST"), 400, "invalid_id");
  const answer = await world.remote.withFaults(
    [{ route: "DELETE /session/:id", fault: { kind: "status", status: 500 } }],
    () => world.remove(user, id, "POST"),
  );
  assertEquals([answer.status, answer.body], [202, { deleted: false, status: "deleting" }]);
});

integrationTest("cleanup-sessions takes small JSON only", async (world) => {
  const send = (type: string, body: string) =>
    world.call("cleanup-sessions", "", {
      method: "POST",
      headers: { apikey: world.info.secretKey, "content-type": type },
      body,
    });
  assertRefused(await send("text/plain", "{}"), 415, "unsupported_media_type");
  const large = JSON.stringify({ runId: "x".repeat(70_000) });
  assertRefused(await send("application/json", large), 413, "body_too_large");
});

integrationTest("session-messages takes JSON and forms only", async (world) => {
  const { user, session } = await converse(world);
  const answer = await world.call("session-messages", `/${session.id}`, {
    method: "POST",
    headers: { ...world.bearer(user), "content-type": "text/plain" },
    body: "hello",
  });
  assertRefused(answer, 415, "unsupported_media_type");
  const tokens = await world.call("session-messages", "/x/token-counts", {
    headers: world.bearer(user),
  });
  assertRefused(tokens, 400, "invalid_id");
});

integrationTest(
  "a history too large for one answer is refused, its pages are not",
  async (world) => {
    const { chat } = await converse(world);
    // Not as text, whose tokens the server would count.
    const part = { type: "data", meta: { data_type: "bytes", bytes: "x".repeat(1_900_000) } };
    for (let count = 0; count < 5; count++) {
      const message = { role: "user", parts: [part] };
      assertEquals((await chat.store({ format: "acontext", message })).status, 201);
    }
    const query = { format: "acontext", editStrategies: "[]" };
    assertRefused(await chat.get(query), 422, "history_too_large");
    assertEquals((await chat.page({ ...query, limit: 1 })).messages.length, 1);
  },
);

integrationTest("a download is refused as every other call is", async (world) => {
  const { user, session, chat } = await converse(world);
  await chat.uploaded("content", { filename: "a" });
  const read = (query: Record<string, string>) =>
    world.call(
      "session-files",
      `/${session.id}/content?${new URLSearchParams(query)}`,
      { headers: world.bearer(user) },
    );
  assertRefused(await read({}), 400, "invalid_request");
  await world.remote.remove(`/disk/${session.acontextDiskId}`);
  assertRefused(await read({ filename: "a" }), 502, "acontext_inconsistent");
  await world.database.expire([session.id]);
  assertRefused(await read({ filename: "a" }), 409, "session_expired");
});

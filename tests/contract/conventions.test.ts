import { assert, assertEquals } from "@std/assert/mod.js";
import { codesOf, dataOf, messageOf } from "./api.ts";
import { contractTest } from "./harness.ts";
import { diskSchema, sessionSchema } from "./shapes.ts";

contractTest("ping answers pong", async ({ call }) => {
  const answer = await call("GET", "/ping");
  assertEquals(codesOf(answer), [200, 0]);
  assertEquals(messageOf(answer), "pong");
});

contractTest("a missing, a wrong and a malformed key are answered 401", async ({ call }) => {
  for (const authorization of ["", "Bearer sk-ac-wrong", "Basic x"]) {
    const answer = await call("GET", "/session", { headers: { authorization } });
    assertEquals(answer.status, 401);
    assertEquals(answer.body, { code: 401, msg: "Unauthorized" });
  }
});

contractTest("an unknown route is a 404 in plain text, not an envelope", async ({ call }) => {
  const sessionId = crypto.randomUUID();
  for (const path of ["/nothing", `/session/${sessionId}`, `/disk/${sessionId}`]) {
    const answer = await call("GET", path);
    assertEquals(answer.status, 404);
    assert(answer.headers.get("content-type")?.startsWith("text/plain"));
    assertEquals(answer.body, undefined);
  }
});

contractTest("an empty POST without a content type is fine", async ({ call }) => {
  assertEquals(dataOf(await call("POST", "/disk"), diskSchema).user_id ?? null, null);
  assertEquals(dataOf(await call("POST", "/session"), sessionSchema).configs, null);
});

contractTest("an empty body with the JSON content type is refused", async ({ call }) => {
  const headers = { "content-type": "application/json" };
  for (const path of ["/disk", "/session"]) {
    assertEquals(codesOf(await call("POST", path, { headers })), [400, 400]);
  }
});

contractTest("malformed JSON and a body that is no object are refused", async ({ call }) => {
  const headers = { "content-type": "application/json" };
  for (const body of ["{", "[]", '"text"', '{"user":1}']) {
    assertEquals(codesOf(await call("POST", "/disk", { headers, body })), [400, 400], body);
  }
});

contractTest("JSON sent without the JSON content type is silently ignored", async (api) => {
  const body = JSON.stringify({ configs: { contract: api.mark } });
  const headers = { "content-type": "text/plain" };
  const answer = await api.call("POST", "/session", { body, headers });
  assertEquals(answer.status, 201);
  assertEquals(dataOf(answer, sessionSchema).configs, null);
});

contractTest("unknown JSON fields are ignored", async ({ call }) => {
  const answer = await call("POST", "/disk", { json: { surprise: true } });
  assertEquals(answer.status, 201);
});

contractTest("a delete answers no data", async ({ call, session, disk }) => {
  const deletedSession = await call("DELETE", `/session/${await session()}`);
  const deletedDisk = await call("DELETE", `/disk/${await disk()}`);
  for (const answer of [deletedSession, deletedDisk]) {
    assertEquals(answer.status, 200);
    assertEquals(answer.body, { code: 0, msg: "" });
  }
});

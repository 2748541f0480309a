import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert/mod.js";
import { assertRefused, type FunctionName } from "./support/functions.ts";
import { integrationTest, type World } from "./support/world.ts";

const NIL = "00000000-0000-0000-0000-000000000000";
const JSON_TYPE = { "content-type": "application/json" };

interface Attempt {
  name: string;
  /** As sent; an object is sent as JSON. */
  body: string | Record<string, unknown>;
  headers?: Record<string, string>;
  refusal: [status: number, code: string];
  /** Fields that `details` names. */
  fields?: string[];
}

const BAD_CREATE: Attempt[] = [
  { name: "the nil id", body: { id: NIL }, refusal: [400, "invalid_id"], fields: ["id"] },
  { name: "an id that is none", body: { id: "x" }, refusal: [400, "invalid_id"], fields: ["id"] },
  {
    name: "an id with spaces",
    body: { id: ` ${crypto.randomUUID()}` },
    refusal: [400, "invalid_id"],
  },
  { name: "a number as id", body: { id: 7 }, refusal: [400, "invalid_id"] },
  {
    name: "an unknown field",
    body: { titel: "x" },
    refusal: [400, "invalid_request"],
    fields: ["titel"],
  },
  {
    name: "a user id, which is the token's business",
    body: { user_id: crypto.randomUUID() },
    refusal: [400, "invalid_request"],
    fields: ["user_id"],
  },
  {
    name: "a long title",
    body: { title: "x".repeat(201) },
    refusal: [400, "invalid_request"],
    fields: ["title"],
  },
  { name: "a title with NUL", body: { title: "a\0b" }, refusal: [400, "invalid_request"] },
  { name: "a lone surrogate", body: '{"title":"\\ud800"}', refusal: [400, "invalid_request"] },
  { name: "metadata that is a list", body: { metadata: [] }, refusal: [400, "invalid_request"] },
  {
    name: "large metadata",
    body: { metadata: { a: "x".repeat(8_192) } },
    refusal: [400, "invalid_request"],
    fields: ["metadata"],
  },
  {
    name: "deep metadata",
    body: `{"metadata":${'{"a":'.repeat(100)}1${"}".repeat(100)}}`,
    refusal: [400, "invalid_request"],
  },
  { name: "a short ttl", body: { ttl: 59 }, refusal: [400, "invalid_request"], fields: ["ttl"] },
  { name: "a long ttl", body: { ttl: 315_360_001 }, refusal: [400, "invalid_request"] },
  { name: "a ttl as text", body: { ttl: "3600" }, refusal: [400, "invalid_request"] },
  { name: "pinned as text", body: { pinned: "yes" }, refusal: [400, "invalid_request"] },
  { name: "a list", body: "[]", refusal: [400, "invalid_request"] },
  { name: "null", body: "null", refusal: [400, "invalid_request"] },
  { name: "broken JSON", body: '{"title":', refusal: [400, "invalid_json"] },
  {
    name: "a form",
    body: "title=x",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    refusal: [415, "unsupported_media_type"],
  },
  {
    name: "JSON without its type",
    body: '{"title":"x"}',
    headers: { "content-type": "text/plain;charset=UTF-8" },
    refusal: [415, "unsupported_media_type"],
  },
  {
    name: "a packed body",
    body: "x",
    headers: { ...JSON_TYPE, "content-encoding": "gzip" },
    refusal: [415, "unsupported_media_type"],
  },
  {
    name: "a body that is too large",
    body: `{"title":"${"x".repeat(70_000)}"}`,
    refusal: [413, "body_too_large"],
  },
];

for (const { name, body, headers = JSON_TYPE, refusal, fields } of BAD_CREATE) {
  integrationTest(`create-session refuses ${name}`, async (world) => {
    const user = await world.newUser();
    const answer = await world.call("create-session", "", {
      method: "POST",
      headers: { ...headers, authorization: `Bearer ${user.token}` },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    const { details } = assertRefused(answer, ...refusal);
    if (fields) assertEquals(details?.map(({ path }) => path), fields);
    assertEquals(await world.database.rowCount(), 0);
    assertEquals((await world.remote.audit()).calls, {});
  });
}

const BAD_CLEANUP: Attempt[] = [
  { name: "the nil run id", body: { runId: NIL }, refusal: [400, "invalid_id"] },
  { name: "an unknown field", body: { dryrun: true }, refusal: [400, "invalid_request"] },
  { name: "text for a flag", body: { force: "true" }, refusal: [400, "invalid_request"] },
  { name: "a limit of none", body: { limit: 0 }, refusal: [400, "invalid_request"] },
  { name: "half a session as limit", body: { limit: 1.5 }, refusal: [400, "invalid_request"] },
  { name: "broken JSON", body: "{", refusal: [400, "invalid_json"] },
];

for (const { name, body, refusal } of BAD_CLEANUP) {
  integrationTest(`cleanup-sessions refuses ${name}`, async (world) => {
    const answer = await world.call("cleanup-sessions", "", {
      method: "POST",
      headers: { ...JSON_TYPE, apikey: world.info.secretKey },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
    assertRefused(answer, ...refusal);
    assertEquals(await world.database.runs(), []);
  });
}

integrationTest("a large body without a length is refused too", async (world) => {
  const user = await world.newUser();
  const chunk = new TextEncoder().encode("x".repeat(16_384));
  const answer = await world.call("create-session", "", {
    method: "POST",
    headers: { ...JSON_TYPE, authorization: `Bearer ${user.token}` },
    body: ReadableStream.from([chunk, chunk, chunk, chunk, chunk]),
  });
  assertRefused(answer, 413, "body_too_large");
});

integrationTest("a small body without a length is read", async (world) => {
  const user = await world.newUser();
  const answer = await world.call("create-session", "", {
    method: "POST",
    headers: { ...JSON_TYPE, authorization: `Bearer ${user.token}` },
    body: ReadableStream.from([new TextEncoder().encode('{"pinned":true}')]),
  });
  assertEquals(answer.status, 201);
});

for (const id of [NIL, "x", "1", crypto.randomUUID().slice(1), "%00", "a%2Fb", "..%2f..%2fping"]) {
  integrationTest(`delete-session refuses the id "${id}"`, async (world) => {
    const user = await world.newUser();
    assertRefused(await world.remove(user, id), 400, "invalid_id");
    assertRefused(await world.restore(user, id), 400, "invalid_id");
    assertEquals((await world.remote.audit()).calls, {});
  });
}

const UNKNOWN: { name: FunctionName; method: string; path: string; refusal: [number, string] }[] = [
  { name: "create-session", method: "POST", path: "/x", refusal: [404, "not_found"] },
  { name: "create-session", method: "GET", path: "", refusal: [405, "method_not_allowed"] },
  { name: "create-session", method: "PUT", path: "", refusal: [405, "method_not_allowed"] },
  { name: "delete-session", method: "DELETE", path: "", refusal: [404, "not_found"] },
  { name: "delete-session", method: "POST", path: "/a/b/c", refusal: [404, "not_found"] },
  { name: "delete-session", method: "POST", path: "/a/undo", refusal: [404, "not_found"] },
  { name: "delete-session", method: "GET", path: "/a", refusal: [405, "method_not_allowed"] },
  {
    name: "delete-session",
    method: "DELETE",
    path: "/a/restore",
    refusal: [405, "method_not_allowed"],
  },
  { name: "cleanup-sessions", method: "GET", path: "", refusal: [405, "method_not_allowed"] },
  { name: "cleanup-sessions", method: "POST", path: "/all", refusal: [404, "not_found"] },
  { name: "session-messages", method: "GET", path: "", refusal: [404, "not_found"] },
  { name: "session-messages", method: "GET", path: "/a", refusal: [400, "invalid_id"] },
  { name: "session-messages", method: "DELETE", path: "/a", refusal: [405, "method_not_allowed"] },
  { name: "session-messages", method: "GET", path: `/${NIL}`, refusal: [400, "invalid_id"] },
  { name: "session-files", method: "PUT", path: "/a", refusal: [405, "method_not_allowed"] },
  { name: "session-files", method: "GET", path: "/a/b", refusal: [404, "not_found"] },
  {
    name: "session-files",
    method: "POST",
    path: `/${crypto.randomUUID()}`,
    refusal: [415, "unsupported_media_type"],
  },
];

for (const { name, method, path, refusal } of UNKNOWN) {
  integrationTest(`${method} ${name}${path} is refused`, async (world) => {
    const user = await world.newUser();
    const answer = await world.call(name, path, {
      method,
      headers: { authorization: `Bearer ${user.token}`, apikey: world.info.secretKey },
    });
    assertRefused(answer, ...refusal);
  });
}

const FUNCTIONS: FunctionName[] = [
  "create-session",
  "delete-session",
  "cleanup-sessions",
  "session-messages",
  "session-files",
];

for (const name of FUNCTIONS) {
  integrationTest(`a browser may call ${name} from any page`, async (world) => {
    const answer = await world.call(name, /^(create|cleanup)/.test(name) ? "" : `/${NIL}`, {
      method: "OPTIONS",
      headers: {
        origin: "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, x-client-info, apikey, content-type",
      },
    });
    assertEquals(answer.status, 204);
    assertEquals(answer.headers.get("access-control-allow-origin"), "*");
    assertMatch(answer.headers.get("access-control-allow-methods") ?? "", /POST/);
    const allowed = answer.headers.get("access-control-allow-headers") ?? "";
    for (const header of ["authorization", "x-client-info", "apikey", "content-type"]) {
      assert(allowed.includes(header), header);
    }
  });
}

async function requestIdFor(world: World, sent?: string): Promise<string> {
  const answer = await world.call("cleanup-sessions", "", {
    method: "POST",
    ...(sent === undefined ? {} : { headers: { "x-request-id": sent } }),
  });
  assertEquals(answer.status, 401);
  assertEquals(answer.headers.get("access-control-allow-origin"), "*");
  assertMatch(answer.headers.get("access-control-expose-headers") ?? "", /x-request-id/);
  return answer.headers.get("x-request-id") ?? "";
}

integrationTest(
  "every answer carries a request id, the caller's when it is harmless",
  async (world) => {
    assertEquals(await requestIdFor(world, "trace-1.a:b_c"), "trace-1.a:b_c");
    const made = await requestIdFor(world);
    assertMatch(made, /^[0-9a-f-]{36}$/);
    assertNotEquals(await requestIdFor(world), made);
    for (const sent of ["a b", "x".repeat(129), '"><script>']) {
      assertMatch(await requestIdFor(world, sent), /^[0-9a-f-]{36}$/);
    }
    const user = await world.newUser();
    const ok = await world.call("create-session", "", {
      method: "POST",
      headers: { authorization: `Bearer ${user.token}`, "x-request-id": "req-7" },
    });
    assertEquals([ok.status, ok.headers.get("x-request-id")], [201, "req-7"]);
  },
);

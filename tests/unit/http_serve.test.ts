import { assertEquals, assertMatch } from "@std/assert/mod.js";
import { z } from "zod";
import { AppError, type ErrorDetail } from "../../supabase/functions/_shared/errors.ts";
import { user } from "../../supabase/functions/_shared/http/auth.ts";
import { type Routes, serve } from "../../supabase/functions/_shared/http/serve.ts";
import { recordLog, signToken, testEnv, USER_ID } from "./http_fixtures.ts";

const ID = "11111111-2222-4333-8444-55555555abcd";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const token = await signToken();

const echo = z.strictObject({ text: z.string().optional(), n: z.int().optional() });

function setUp(routes: Routes<null> = {}, maxBodyBytes = 64) {
  const { log, lines } = recordLog();
  const open = () => Promise.resolve(null);
  const fetch = serve({
    name: "hello",
    auth: open,
    routes: {
      "POST /": async ({ body }) => ({ status: 201, body: await body(echo) }),
      "DELETE /:id": ({ id }) => Promise.resolve({ status: 200, body: { id: id() } }),
      "POST /:id/again": ({ id }) => Promise.resolve({ status: 200, body: { again: id() } }),
      ...routes,
    },
    maxBodyBytes,
    env: testEnv,
    log,
  });
  return { fetch, lines };
}

function post(body: BodyInit | null, headers: Record<string, string> = {}): Request {
  return new Request("http://x.test/hello", {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
}

async function codeOf(response: Response): Promise<[number, string]> {
  const { code } = await response.json();
  return [response.status, code];
}

Deno.test("serve() finds routes with and without the gateway's prefix and a trailing slash", async () => {
  const { fetch } = setUp();
  const cases: [string, string, unknown][] = [
    ["DELETE", `/hello/${ID}`, { id: ID }],
    ["DELETE", `/hello/${ID}/`, { id: ID }],
    ["DELETE", `/functions/v1/hello/${ID.toUpperCase()}?x=1`, { id: ID }],
    ["POST", `/hello/${ID}/again`, { again: ID }],
    ["POST", "/hello/", {}],
    ["POST", "/functions/v1/hello", {}],
  ];
  for (const [method, path, body] of cases) {
    const response = await fetch(new Request(`http://x.test${path}`, { method }));
    assertEquals(await response.json(), body, path);
  }
});

Deno.test("serve() tells unknown paths, wrong methods and malformed ids apart", async () => {
  const { fetch } = setUp();
  const cases: [string, string, number, string][] = [
    ["POST", "/", 404, "not_found"],
    ["POST", "/hell", 404, "not_found"],
    ["POST", "/hello/a/b/c", 404, "not_found"],
    ["POST", `/hello/${ID}/other`, 404, "not_found"],
    ["POST", `/other/hello`, 404, "not_found"],
    ["GET", "/hello", 405, "method_not_allowed"],
    ["PUT", `/hello/${ID}`, 405, "method_not_allowed"],
    ["POST", `/hello/${ID}`, 405, "method_not_allowed"],
    ["DELETE", "/hello/x", 400, "invalid_id"],
    ["DELETE", "/hello/00000000-0000-0000-0000-000000000000", 400, "invalid_id"],
    ["DELETE", `/hello/${ID}%00`, 400, "invalid_id"],
    ["DELETE", "/hello/%E0%A4%A", 400, "invalid_id"],
  ];
  for (const [method, path, status, code] of cases) {
    const response = await fetch(new Request(`http://x.test${path}`, { method }));
    assertEquals(await codeOf(response), [status, code], `${method} ${path}`);
  }
});

Deno.test("serve() answers preflights for every path, without auth", async () => {
  const { fetch } = setUp();
  for (const path of ["/hello", `/hello/${ID}`, "/nowhere"]) {
    const response = await fetch(new Request(`http://x.test${path}`, { method: "OPTIONS" }));
    assertEquals([response.status, await response.text()], [204, ""]);
    assertEquals(response.headers.get("access-control-allow-origin"), "*");
    assertEquals(response.headers.get("access-control-allow-methods"), "POST, DELETE, OPTIONS");
    assertEquals(
      response.headers.get("access-control-allow-headers"),
      "authorization, x-client-info, apikey, content-type, x-request-id, idempotency-key",
    );
  }
});

Deno.test("every answer has CORS headers, a request id and forbids caching", async () => {
  const { fetch } = setUp({
    "GET /": () => Promise.reject(new Error("boom")),
    "GET /:id": () => Promise.reject(new AppError("session_busy")),
  });
  const requests = [
    post("{}"),
    post("{"),
    new Request("http://x.test/nowhere"),
    new Request("http://x.test/hello"),
    new Request(`http://x.test/hello/${ID}`),
  ];
  const statuses = [];
  for (const request of requests) {
    const response = await fetch(request);
    await response.body?.cancel();
    statuses.push(response.status);
    assertEquals(response.headers.get("access-control-allow-origin"), "*");
    assertEquals(
      response.headers.get("access-control-expose-headers"),
      "x-request-id, retry-after, content-disposition, x-file-type",
    );
    assertEquals(response.headers.get("cache-control"), "no-store");
    assertMatch(response.headers.get("x-request-id") ?? "", UUID);
    assertMatch(response.headers.get("content-type") ?? "", /^application\/json/);
  }
  assertEquals(statuses, [201, 400, 404, 500, 409]);
});

Deno.test("a safe request id is repeated, any other replaced", async () => {
  const { fetch, lines } = setUp();
  for (const id of ["abc-1.2:3_X", "x".repeat(128)]) {
    const response = await fetch(post("{}", { "x-request-id": id }));
    await response.body?.cancel();
    assertEquals(response.headers.get("x-request-id"), id);
    assertEquals(lines.at(-1)?.["requestId"], id);
  }
  for (const id of ["", "x".repeat(129), "a b", '{"a":1}', "<script>"]) {
    const response = await fetch(post("{}", { "x-request-id": id }));
    await response.body?.cancel();
    assertMatch(response.headers.get("x-request-id") ?? "", UUID);
  }
});

Deno.test("an absent or empty body is read as an empty object, whatever its type", async () => {
  const { fetch } = setUp();
  for (const headers of [{}, { "content-type": "text/plain" }]) {
    for (const body of [null, ""]) {
      const request = new Request("http://x.test/hello", { method: "POST", body, headers });
      const response = await fetch(request);
      assertEquals([response.status, await response.json()], [201, {}]);
    }
  }
});

Deno.test("a body has to be declared as JSON and not be compressed", async () => {
  const { fetch } = setUp();
  for (const type of ["application/json", "Application/JSON; charset=utf-8"]) {
    const response = await fetch(post('{"n":1}', { "content-type": type }));
    assertEquals([response.status, await response.json()], [201, { n: 1 }]);
  }
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""]) {
    assertEquals(await codeOf(await fetch(post("{}", { "content-type": type }))), [
      415,
      "unsupported_media_type",
    ]);
  }
  assertEquals(await codeOf(await fetch(post("{}", { "content-encoding": "gzip" }))), [
    415,
    "unsupported_media_type",
  ]);
});

Deno.test("a body over the limit is refused by its length or while it comes", async () => {
  const { fetch } = setUp();
  const fits = `{"text":"${"x".repeat(64 - 11)}"}`;
  assertEquals(fits.length, 64);
  const accepted = await fetch(post(fits));
  assertEquals(accepted.status, 201);
  await accepted.body?.cancel();
  assertEquals(await codeOf(await fetch(post(`${fits} `))), [413, "body_too_large"]);
  assertEquals(await codeOf(await fetch(post("{}", { "content-length": "65" }))), [
    413,
    "body_too_large",
  ]);
});

Deno.test("an endless body is cut off, its claimed length is not believed", async () => {
  const { fetch } = setUp();
  let sent = 0;
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent++;
      controller.enqueue(new Uint8Array(10).fill(32));
    },
    cancel() {
      cancelled = true;
    },
  });
  const response = await fetch(post(endless, { "content-length": "2" }));
  assertEquals(await codeOf(response), [413, "body_too_large"]);
  assertEquals([cancelled, sent < 12], [true, true]);
});

Deno.test("the type is checked before the size, and the size before the JSON", async () => {
  const { fetch } = setUp();
  const large = "{".repeat(100);
  assertEquals((await codeOf(await fetch(post(large, { "content-type": "text/plain" }))))[0], 415);
  assertEquals((await codeOf(await fetch(post(large))))[0], 413);
  assertEquals((await codeOf(await fetch(post("{"))))[0], 400);
});

Deno.test("a body that breaks off is the caller's error", async () => {
  const { fetch } = setUp();
  const broken = new ReadableStream({
    start(controller) {
      controller.error(new Error("connection reset"));
    },
  });
  assertEquals(await codeOf(await fetch(post(broken))), [400, "invalid_request"]);
});

Deno.test("a body that is not JSON in UTF-8 is refused without a quotation of it", async () => {
  const { fetch } = setUp();
  for (const body of ["{", "hunter2", '{"text":', new Uint8Array([0x22, 0xff, 0x22])]) {
    const response = await fetch(post(body));
    const text = await response.text();
    assertEquals([response.status, JSON.parse(text).code], [400, "invalid_json"]);
    assertEquals(text.includes("hunter2"), false);
  }
});

Deno.test("a body that does not fit the schema is explained by field, without values", async () => {
  const { fetch } = setUp();
  const cases: [string, string[]][] = [
    ['{"extra":"hunter2","more":1}', ["extra", "more"]],
    ['{"n":"hunter2"}', ["n"]],
    ['{"n":1.5,"text":7}', ["text", "n"]],
    ["[]", [""]],
    ["null", [""]],
    ['"hunter2"', [""]],
  ];
  for (const [body, paths] of cases) {
    const response = await fetch(post(body));
    const answer = await response.json();
    assertEquals([response.status, answer.code], [400, "invalid_request"]);
    assertEquals(answer.details.map((detail: { path: string }) => detail.path), paths);
    assertEquals(JSON.stringify(answer).includes("hunter2"), false);
  }
});

Deno.test("what is no object is called so where one is needed, and nowhere else", async () => {
  const key = z.string().regex(/^\d+$/, { error: "must be digits" });
  const { fetch } = setUp({
    "POST /": async ({ body, header }) => ({
      status: 200,
      body: [await body(echo), header("X-Key", key)],
    }),
  });
  const cases: [BodyInit, string, ErrorDetail][] = [
    ["[]", "1", { path: "", message: "must be a JSON object" }],
    ["{}", "x", { path: "X-Key", message: "must be digits" }],
  ];
  for (const [body, value, detail] of cases) {
    const { details } = await (await fetch(post(body, { "x-key": value }))).json();
    assertEquals(details, [detail]);
  }
});

Deno.test("a body cannot make the error answer large", async () => {
  const { fetch } = setUp({}, 60_000);
  const fields = Object.fromEntries(
    Array.from({ length: 50 }, (_, n) => [`${n}${"x".repeat(900)}`, 1]),
  );
  const response = await fetch(post(JSON.stringify(fields)));
  const text = await response.text();
  assertEquals(text.length < 3000, true);
  assertEquals(JSON.parse(text).details.length, 10);
});

Deno.test("an AppError is answered with all it says", async () => {
  const { fetch } = setUp({
    "GET /": () =>
      Promise.reject(
        new AppError("session_busy", {
          message: "Cannot wait: x",
          hint: "h",
          retryAfterSeconds: 1.2,
          cause: new Error("hunter2"),
        }),
      ),
  });
  const response = await fetch(new Request("http://x.test/hello"));
  assertEquals(response.status, 409);
  assertEquals(response.headers.get("retry-after"), "2");
  assertEquals(await response.json(), {
    code: "session_busy",
    message: "Cannot wait: x",
    hint: "h",
  });
});

Deno.test("anything else that is thrown becomes a plain 500 and a log line without its message", async () => {
  for (const thrown of [new TypeError("hunter2"), "hunter2", null]) {
    const { fetch, lines } = setUp({ "GET /": () => Promise.reject(thrown) });
    const response = await fetch(
      new Request("http://x.test/hello", { headers: { "x-request-id": "r1" } }),
    );
    assertEquals(response.status, 500);
    assertEquals(await response.json(), {
      code: "internal",
      message: "Cannot answer: something unexpected went wrong",
      requestId: "r1",
    });
    assertEquals(lines.length, 1);
    assertEquals([lines[0]?.level, lines[0]?.["code"], lines[0]?.["requestId"]], [
      "error",
      "internal",
      "r1",
    ]);
    assertEquals(JSON.stringify(lines).includes("hunter2"), false);
  }
});

Deno.test("an answer that cannot be written as JSON becomes a 500, too", async () => {
  const loop: Record<string, unknown> = {};
  loop["loop"] = loop;
  const { fetch } = setUp({ "GET /": () => Promise.resolve({ status: 200, body: loop }) });
  assertEquals(await codeOf(await fetch(new Request("http://x.test/hello"))), [500, "internal"]);
});

Deno.test("each request leaves one log line, with the route's pattern and no content", async () => {
  const { fetch, lines } = setUp();
  const url = `http://x.test/hello/${ID}?token=hunter2`;
  await (await fetch(new Request(url, { method: "DELETE", headers: { apikey: "hunter2" } })))
    .text();
  await (await fetch(post('{"text":"hunter2"}'))).text();
  await (await fetch(new Request("http://x.test/hunter2"))).text();
  assertEquals(lines.map(({ requestId: _id, ms, ...line }) => [typeof ms, line]), [
    ["number", { level: "info", event: "request", method: "DELETE", route: "/:id", status: 200 }],
    ["number", { level: "info", event: "request", method: "POST", route: "/", status: 201 }],
    ["number", {
      level: "info",
      event: "request",
      method: "GET",
      route: null,
      status: 404,
      code: "not_found",
    }],
  ]);
  assertEquals(JSON.stringify(lines).includes("hunter2"), false);
});

Deno.test("route comes before auth, and auth before the body", async () => {
  const { log, lines } = recordLog();
  const fetch = serve({
    name: "hello",
    auth: user,
    routes: {
      "POST /": async ({ caller, body }) => {
        await body(echo);
        return { status: 200, body: caller };
      },
    },
    env: testEnv,
    log,
  });
  const forged = { authorization: `Bearer ${await signToken({}, { forged: true })}` };
  assertEquals((await codeOf(await fetch(new Request("http://x.test/no"))))[0], 404);
  assertEquals((await codeOf(await fetch(new Request("http://x.test/hello"))))[0], 405);
  assertEquals((await codeOf(await fetch(post("{", forged))))[0], 401);
  const signedIn = { authorization: `Bearer ${token}` };
  assertEquals((await codeOf(await fetch(post("{", signedIn))))[0], 400);
  const response = await fetch(post("{}", signedIn));
  assertEquals(await response.json(), { userId: USER_ID });
  assertEquals(JSON.stringify(lines).includes(token.slice(0, 20)), false);
});

Deno.test("a broken environment is an answer that names the variable, at each request anew", async () => {
  const { log, lines } = recordLog();
  let broken = true;
  const fetch = serve({
    name: "hello",
    auth: () => Promise.resolve(null),
    routes: { "GET /": () => Promise.resolve({ status: 200, body: {} }) },
    env() {
      if (!broken) return testEnv();
      throw new AppError("misconfigured", {
        message: 'Cannot answer: the variable "ACONTEXT_API_KEY" is missing',
      });
    },
    log,
  });
  const response = await fetch(new Request("http://x.test/hello"));
  const { code, message } = await response.json();
  assertEquals([response.status, code], [500, "misconfigured"]);
  assertEquals(message.includes('"ACONTEXT_API_KEY"'), true);
  assertEquals(lines[0]?.level, "error");
  broken = false;
  assertEquals((await fetch(new Request("http://x.test/hello"))).status, 200);
});

import { assert, assertEquals, assertMatch } from "@std/assert/mod.js";
import { corsHeaders } from "@supabase/supabase-js/cors";
import { z } from "zod";
import {
  AppError,
  type ErrorCode,
  ERRORS,
} from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { user } from "../../../supabase/functions/_acontext_sessions/http/auth.ts";
import { serve } from "../../../supabase/functions/_acontext_sessions/http/serve.ts";
import { recordLog, signToken, testEnv, USER_ID } from "./fixtures.ts";
import { codeOf, echo, post, setUp } from "./serve_fixtures.ts";

const ID = "11111111-2222-4333-8444-55555555abcd";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const token = await signToken();
const errorCodes = Object.keys(ERRORS).filter((code): code is ErrorCode => code in ERRORS);

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

function preflight(asked?: string, path = "/hello"): Request {
  const headers: Record<string, string> = asked === undefined
    ? {}
    : { "access-control-request-headers": asked };
  return new Request(`http://x.test${path}`, { method: "OPTIONS", headers });
}

function allowedBy(response: Response): string[] {
  return (response.headers.get("access-control-allow-headers") ?? "").split(", ");
}

Deno.test("serve() answers preflights for every path, without auth", async () => {
  const { fetch } = setUp();
  for (const path of ["/hello", `/hello/${ID}`, "/nowhere"]) {
    const response = await fetch(preflight(undefined, path));
    assertEquals([response.status, await response.text()], [204, ""]);
    assertEquals(response.headers.get("access-control-allow-origin"), "*");
    assertEquals(response.headers.get("access-control-allow-methods"), "POST, DELETE, OPTIONS");
    assertEquals(response.headers.get("access-control-max-age"), "7200");
  }
});

Deno.test("serve() allows browsers what supabase-js sends, regions and our own headers", async () => {
  const { fetch } = setUp();
  const canonical = corsHeaders["Access-Control-Allow-Headers"]?.split(", ") ?? [];
  assert(canonical.includes("traceparent"));
  assertEquals(
    allowedBy(await fetch(preflight())),
    [...canonical, "x-region", "x-request-id", "idempotency-key"],
  );
});

Deno.test("serve() allows browsers the headers that an app adds", async () => {
  const { fetch } = setUp();
  const own = allowedBy(await fetch(preflight()));
  const cases: [string, string[]][] = [
    ["apikey,x-my-app", ["x-my-app"]],
    ["X-My-App , x-other,x-my-app,Apikey", ["x-my-app", "x-other"]],
    ["sentry-trace,x_y.z!", ["sentry-trace", "x_y.z!"]],
    ["", []],
    [",, ,", []],
    // Nothing but names of headers comes back.
    ['x-a, x b, <script>, "x", é, x-b;q=1, *', ["x-a"]],
    ["x".repeat(64), ["x".repeat(64)]],
    ["x".repeat(65), []],
  ];
  for (const [asked, added] of cases) {
    assertEquals(allowedBy(await fetch(preflight(asked))), [...own, ...added], asked);
  }
});

Deno.test("serve() gives back a bounded number of header names", async () => {
  const { fetch } = setUp();
  const asked = Array.from({ length: 100_000 }, (_, i) => `x-${i}`);
  const own = allowedBy(await fetch(preflight()));
  assertEquals(
    allowedBy(await fetch(preflight(asked.join()))),
    [...own, ...asked.slice(0, 50)],
  );
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

Deno.test("every error can be read by a page of any origin", async () => {
  for (const code of errorCodes) {
    const { fetch } = setUp({ "GET /": () => Promise.reject(new AppError(code)) });
    const response = await fetch(new Request("http://x.test/hello"));
    assertEquals(await codeOf(response), [ERRORS[code].status, code]);
    assertEquals(response.headers.get("access-control-allow-origin"), "*", code);
    const exposed = response.headers.get("access-control-expose-headers") ?? "";
    assertEquals(exposed.includes("retry-after"), true, code);
  }
});

Deno.test("a page can read every header that the client reads", async () => {
  const { fetch } = setUp();
  const exposed = (await fetch(post("{}"))).headers.get("access-control-expose-headers") ?? "";
  const sources = new URL("../../../client/src/", import.meta.url);
  const read: string[] = [];
  for await (const { name } of Deno.readDir(sources)) {
    const source = await Deno.readTextFile(new URL(name, sources));
    read.push(...[...source.matchAll(/headers\.get\("([^"]+)"\)/g)].map(([, name = ""]) => name));
  }
  assert(read.includes("retry-after"));
  for (const name of read) assert(exposed.split(", ").includes(name), name);
});

Deno.test("serve() takes no notice of the region for the platform", async () => {
  const { fetch } = setUp({
    "GET /": ({ query }) =>
      Promise.resolve({ status: 200, body: query(z.strictObject({ n: z.string() })) }),
  });
  const region = "forceFunctionRegion=eu-west-1";
  for (const query of [`n=1&${region}`, `${region}&n=1&${region}`]) {
    const response = await fetch(new Request(`http://x.test/hello?${query}`));
    assertEquals([response.status, await response.json()], [200, { n: "1" }]);
  }
  for (const query of [`n=1&region=eu-west-1`, `n=1&n=1&${region}`, region]) {
    const response = await fetch(new Request(`http://x.test/hello?${query}`));
    assertEquals(await codeOf(response), [400, "invalid_request"], query);
  }
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

Deno.test("a broken environment is an answer that names the variable, at each request again", async () => {
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

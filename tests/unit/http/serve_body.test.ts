import { assertEquals } from "@std/assert/mod.js";
import { z } from "zod";
import type { ErrorDetail } from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { codeOf, echo, post, setUp } from "./serve_fixtures.ts";

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

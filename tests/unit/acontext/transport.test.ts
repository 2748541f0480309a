import { AcontextClient } from "@acontext/acontext";
import { assertEquals, assertStrictEquals } from "@std/assert/mod.js";
import { createServer } from "node:http";
import {
  createTransport,
  parseRetryAfter,
  Reply,
} from "../../../supabase/functions/_acontext_sessions/acontext/transport.ts";

Deno.test("the SDK takes its fetch from getFetch() and hands our reply through untouched", async () => {
  const client = new AcontextClient({ apiKey: "k", baseUrl: "http://x.test", timeout: 1000 });
  for (const httpStatus of [0, 200, 201, 302, 404, 429, 500]) {
    const reply = new Reply(httpStatus, { code: 500, msg: "x" }, null, 0);
    Object.defineProperty(client, "getFetch", {
      value: () => Promise.resolve(() => Promise.resolve(reply)),
      configurable: true,
    });
    assertStrictEquals(await client.request("GET", "/ping", { unwrap: false }), reply);
  }
});

Deno.test("the SDK's timeout reaches our fetch as an abort signal", async () => {
  const client = new AcontextClient({ apiKey: "k", baseUrl: "http://x.test", timeout: 20 });
  const transport = createTransport((_url, init) =>
    new Promise((_resolve, reject) => {
      init.signal?.addEventListener("abort", () => reject(new Error("aborted")));
    })
  );
  Object.defineProperty(client, "getFetch", { value: () => Promise.resolve(transport) });
  const reply: unknown = await client.request("GET", "/ping", { unwrap: false });
  assertEquals(reply instanceof Reply && reply.failure, "timeout");
});

Deno.test("a POST is not sent again when a kept-alive connection breaks before the answer", async () => {
  const received: string[] = [];
  const server = createServer((request, response) => {
    received.push(request.method ?? "");
    request.resume().on("end", () => {
      if (received.length === 2) request.socket.destroy();
      else response.setHeader("content-type", "application/json").end('{"code":0,"msg":""}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const transport = createTransport(fetch);
  try {
    await transport(`http://127.0.0.1:${port}/`, { method: "GET" });
    const lost = await transport(`http://127.0.0.1:${port}/`, { method: "POST", body: "{}" });
    assertEquals(lost.failure, "broken");
    assertEquals(received, ["GET", "POST"]);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

Deno.test("createTransport() asks fetch not to follow redirects", async () => {
  const seen: unknown[] = [];
  const transport = createTransport((_url, init) => {
    seen.push(init.redirect);
    return Promise.resolve(new Response(null, { status: 302 }));
  });
  assertEquals((await transport("http://x.test", {})).httpStatus, 302);
  assertEquals(seen, ["manual"]);
});

Deno.test("createTransport() counts what a compressed answer unpacks to", async () => {
  const unpacked = JSON.stringify({ code: 0, msg: "x".repeat(9 * 1024 * 1024) });
  const transport = createTransport(() =>
    Promise.resolve(
      new Response(unpacked, {
        headers: {
          "content-type": "application/json",
          "content-encoding": "gzip",
          "content-length": "99",
        },
      }),
    )
  );
  assertEquals((await transport("http://x.test", {})).failure, "too_large");
});

Deno.test("createTransport() reads JSON under its type, however that is written", async () => {
  const types = ["application/json", "Application/JSON", "application/json; charset=utf-8"];
  for (const type of [...types, "application/jsonp", "text/html"]) {
    const transport = createTransport(() =>
      Promise.resolve(new Response('{"code":0}', { headers: { "content-type": type } }))
    );
    const expected = types.includes(type) ? { code: 0 } : undefined;
    assertEquals((await transport("http://x.test", {})).content, expected, type);
  }
});

Deno.test("createTransport() reads the failures of older runtimes", async () => {
  const cases: [Error, string][] = [
    [new TypeError("error sending request: error trying to connect: tcp connect error"), "refused"],
    [new TypeError("fetch failed", { cause: new Error("client error (Connect): dns") }), "refused"],
    [new TypeError("fetch failed", { cause: new Error("client error (SendRequest)") }), "broken"],
    [new TypeError("connection reset"), "broken"],
  ];
  for (const [error, failure] of cases) {
    const transport = createTransport(() => Promise.reject(error));
    assertEquals((await transport("http://x.test", {})).failure, failure, error.message);
  }
});

Deno.test("createTransport() never takes a failure after the headers for a refusal", async () => {
  const body = new ReadableStream({
    start(controller) {
      controller.error(new Error("client error (Connect)"));
    },
  });
  const transport = createTransport(() => Promise.resolve(new Response(body)));
  assertEquals((await transport("http://x.test", {})).failure, "broken");
});

Deno.test("parseRetryAfter() reads seconds and HTTP dates, within bounds", () => {
  const now = Date.parse("2026-11-20T12:00:00Z");
  const cases: [string | null, number][] = [
    [null, 1000],
    ["", 1000],
    ["5", 5000],
    [" 5 ", 5000],
    ["0", 1000],
    ["-3", 1000],
    ["1e9", 1000],
    ["99999999999", 60_000],
    ["Fri, 20 Nov 2026 12:00:30 GMT", 30_000],
    ["Fri, 20 Nov 2026 11:00:00 GMT", 1000],
    ["Sat, 21 Nov 2026 12:00:00 GMT", 60_000],
    ["tomorrow", 1000],
  ];
  for (const [header, ms] of cases) assertEquals(parseRetryAfter(header, now), ms, String(header));
});

import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { openDownload } from "../../../supabase/functions/_acontext_sessions/acontext/download.ts";
import type { Fetch } from "../../../supabase/functions/_acontext_sessions/acontext/transport.ts";

const URL = "http://storage.test/x";

function open(fetch: Fetch, timeoutMs = 1000) {
  return openDownload(URL, {
    apiKey: "sk-ac-secret",
    baseUrl: "",
    namespace: "ns",
    timeoutMs,
    fetch,
  });
}

Deno.test("openDownload() sends no key and follows no redirect", async () => {
  let sent: RequestInit | undefined;
  const opened = await open((_url, init) => {
    sent = init;
    return Promise.resolve(new Response("x"));
  });
  assertEquals(opened.kind === "done" && await new Response(opened.value).text(), "x");
  assertEquals([new Headers(sent?.headers).has("authorization"), sent?.redirect], [
    false,
    "manual",
  ]);
});

Deno.test("openDownload() tells a missing object from a storage that fails", async () => {
  const answering = (status: number) => open(() => Promise.resolve(new Response(null, { status })));
  assertEquals(await answering(404), { kind: "absent" });
  for (const status of [206, 302, 403, 500]) {
    assertEquals(await answering(status), { kind: "unavailable", detail: `http_${status}` });
  }
  assertEquals(await open(() => Promise.reject(new TypeError("reset"))), {
    kind: "unavailable",
    detail: "broken",
  });
});

Deno.test("openDownload() gives up an answer that does not begin, and lets one that began go on", async () => {
  const silent: Fetch = (_url, init) =>
    new Promise((_, reject) => {
      init.signal?.addEventListener("abort", () => reject(init.signal?.reason));
    });
  assertEquals(await open(silent, 5), { kind: "unavailable", detail: "timeout" });

  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  let signal: AbortSignal | null | undefined;
  const opened = await open((_url, init) => {
    signal = init.signal;
    return Promise.resolve(new Response(readable));
  }, 5);
  if (opened.kind !== "done") throw new Error("not opened");
  assertEquals(signal?.aborted, false);
  await writable.abort(new Error("cut"));
  await assertRejects(() => new Response(opened.value).text(), Error, "cut");
});

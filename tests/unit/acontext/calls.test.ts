import { assertEquals } from "@std/assert/mod.js";
import { createResources } from "../../../supabase/functions/_acontext_sessions/acontext/resources.ts";
import type { Outcome } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";
import type { RemoteResources } from "../../../supabase/functions/_acontext_sessions/core/resources.ts";
import { type Reaction, type Received, withServer } from "../http/server.ts";

const ID = "11111111-2222-4333-8444-555555555555";
const OTHER = "99999999-2222-4333-8444-555555555555";
const NIL = "00000000-0000-0000-0000-000000000000";
const MARK = { acontext_sessions: { namespace: "ns", session_id: ID } };

function ok(data?: unknown, status = 200): Reaction {
  return { status, body: JSON.stringify({ code: 0, data, msg: "" }) };
}

function api(status: number, body: unknown = { code: status, msg: "no" }): Reaction {
  return { status, body: JSON.stringify(body) };
}

async function withAcontext(
  react: (request: Received) => Reaction,
  use: (acontext: RemoteResources, received: Received[]) => Promise<void>,
  { timeoutMs = 300 }: { timeoutMs?: number } = {},
): Promise<void> {
  await withServer(react, (origin, received) =>
    use(
      createResources({
        apiKey: "sk-ac-secret",
        baseUrl: `${origin}/api/v1`,
        timeoutMs,
        namespace: "ns",
      }),
      received,
    ));
}

const CREATES = ["createSession", "createDisk"] as const;
const DELETES = ["deleteSession", "deleteDisk"] as const;
const READS = ["findSessions", "findDisks"] as const;
const CALLS = [...CREATES, ...DELETES, ...READS] as const;

/** The call of that name, with only an id left to give. */
function callOf(
  acontext: RemoteResources,
  name: (typeof CALLS)[number],
  limitMs = 10_000,
): (id: string) => Promise<Outcome<unknown>> {
  return name === "deleteSession" || name === "deleteDisk"
    ? (id) => acontext[name](id, limitMs)
    : (id) => acontext[name](id);
}

async function outcomes(
  reaction: Reaction,
  names: readonly (typeof CALLS)[number][] = CALLS,
  options: { timeoutMs?: number } = {},
): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  await withAcontext(
    () => reaction,
    async (acontext) => {
      for (const name of names) {
        found[name] = await callOf(acontext, name, options.timeoutMs ?? 300)(ID);
      }
    },
    options,
  );
  return found;
}

/** The same outcome for the calls of each purpose. */
function each(creates: unknown, deletes: unknown, reads: unknown): Record<string, unknown> {
  return Object.fromEntries([
    ...CREATES.map((name) => [name, creates]),
    ...DELETES.map((name) => [name, deletes]),
    ...READS.map((name) => [name, reads]),
  ]);
}

const unavailable = (detail: string) => ({ kind: "unavailable", detail });
const unknown = (detail: string) => ({ kind: "unknown", detail });
const rejected = (status: number) => ({ kind: "rejected", status, detail: `http_${status}` });

Deno.test("createSession() sends use_uuid and the mark, with the key, and no user", async () => {
  await withAcontext(() => ok({ id: ID, configs: MARK }, 201), async (acontext, received) => {
    assertEquals(await acontext.createSession(ID), { kind: "done", value: { id: ID } });
    const [request] = received;
    assertEquals([request?.method, request?.url], ["POST", "/api/v1/session"]);
    assertEquals(request?.headers.get("authorization"), "Bearer sk-ac-secret");
    assertEquals(request?.headers.get("content-type"), "application/json");
    assertEquals(JSON.parse(request?.body ?? ""), { use_uuid: ID, configs: MARK });
  });
});

Deno.test("createSession() accepts an existing session that carries our mark", async () => {
  assertEquals(await outcomes(ok({ id: ID, configs: MARK }), ["createSession"]), {
    createSession: { kind: "done", value: { id: ID } },
  });
});

Deno.test("createSession() rejects an existing session without our mark", async () => {
  const foreign = { kind: "rejected", status: 409, detail: "foreign_session" };
  for (
    const configs of [
      undefined,
      null,
      {},
      { acontext_sessions: null },
      { acontext_sessions: { namespace: "other", session_id: ID } },
      { acontext_sessions: { namespace: "ns", session_id: OTHER } },
    ]
  ) {
    assertEquals(await outcomes(ok({ id: ID, configs }), ["createSession"]), {
      createSession: foreign,
    });
  }
});

Deno.test("createSession() gives back the id that an old server chose", async () => {
  const old = { id: OTHER.toUpperCase(), space_id: null, configs: null };
  assertEquals(await outcomes(ok(old, 201), ["createSession"]), {
    createSession: { kind: "done", value: { id: OTHER } },
  });
});

Deno.test("createDisk() sends the label and tells whether the server knows labels", async () => {
  await withAcontext(() => ok({ id: OTHER, user_id: ID }, 201), async (acontext, received) => {
    assertEquals(await acontext.createDisk(ID), {
      kind: "done",
      value: { id: OTHER, labelled: true },
    });
    assertEquals(received[0]?.url, "/api/v1/disk");
    assertEquals(JSON.parse(received[0]?.body ?? ""), { user: `ns:${ID}` });
  });
  for (const data of [{ id: OTHER }, { id: OTHER, user_id: null }]) {
    assertEquals(await outcomes(ok(data, 201), ["createDisk"]), {
      createDisk: { kind: "done", value: { id: OTHER, labelled: false } },
    });
  }
});

Deno.test("deletes name the resource in the path and succeed on an empty success", async () => {
  await withAcontext(() => ok(), async (acontext, received) => {
    assertEquals(await acontext.deleteSession(ID, 10_000), { kind: "done", value: null });
    assertEquals(await acontext.deleteDisk(OTHER, 10_000), { kind: "done", value: null });
    assertEquals(received.map((r) => `${r.method} ${r.url}`), [
      `DELETE /api/v1/session/${ID}`,
      `DELETE /api/v1/disk/${OTHER}`,
    ]);
  });
});

Deno.test("no call ever sends a nil, upper-case or malformed id", async () => {
  await withAcontext(() => ok(), async (acontext, received) => {
    for (const name of CALLS) {
      for (const id of [NIL, "", "..", `${ID}/x`, ID.replace("1", "A"), "x"]) {
        assertEquals(await callOf(acontext, name)(id), {
          kind: "rejected",
          status: 400,
          detail: "bad_id",
        });
      }
    }
    assertEquals(received, []);
  });
});

Deno.test("probe() is done when a list can be read and passes an outage on", async () => {
  await withAcontext(() => ok({ items: [], has_more: false }), async (acontext, received) => {
    assertEquals(await acontext.probe(), { kind: "done", value: null });
    assertEquals(received[0]?.url, "/api/v1/session?limit=1");
  });
  await withAcontext(() => api(500), async (acontext) => {
    assertEquals(await acontext.probe(), unknown("http_500"));
  });
});

Deno.test("a 401 means that the service refuses us altogether", async () => {
  const all = unavailable("http_401");
  assertEquals(await outcomes(api(401)), each(all, all, all));
});

Deno.test("a 404 of Acontext's is a claim of absence for deletes only", async () => {
  const elsewhere = unavailable("http_404");
  assertEquals(await outcomes(api(404)), each(elsewhere, { kind: "absent" }, elsewhere));
});

Deno.test("a 404 that is not Acontext's says nothing about the resource", async () => {
  const all = unavailable("http_404");
  const plain: Reaction = {
    status: 404,
    headers: { "content-type": "text/plain" },
    body: "404 page not found",
  };
  assertEquals(await outcomes(plain), each(all, all, all));
  assertEquals(await outcomes(api(404, { message: "no Route matched" })), each(all, all, all));
  assertEquals(await outcomes(api(404, { code: "404", msg: "x" })), each(all, all, all));
  assertEquals(await outcomes(api(404, [])), each(all, all, all));
  assertEquals(await outcomes({ status: 404, body: "{broken" }), each(all, all, all));
});

Deno.test("a 403 rejects a delete and is an outage for everything else", async () => {
  const elsewhere = unavailable("http_403");
  assertEquals(await outcomes(api(403)), each(elsewhere, rejected(403), elsewhere));
});

Deno.test("other 4xx of Acontext's reject the one request", async () => {
  for (const status of [400, 409, 413, 422]) {
    const all = rejected(status);
    assertEquals(await outcomes(api(status)), each(all, all, all));
  }
});

Deno.test("a 4xx of a gateway's rejects nothing", async () => {
  const html: Reaction = { status: 400, headers: { "content-type": "text/html" }, body: "<h1>" };
  const all = unavailable("http_400");
  assertEquals(await outcomes(html), each(all, all, all));
});

Deno.test("a 500 may have taken effect", async () => {
  for (const status of [500, 501, 520, 524]) {
    const all = unknown(`http_${status}`);
    assertEquals(await outcomes(api(status)), each(all, all, all));
  }
});

Deno.test("503 is an outage; after 502 and 504 a write may have gone through; as JSON or HTML", async () => {
  for (const status of [502, 503, 504]) {
    const read = unavailable(`http_${status}`);
    const write = status === 503 ? read : unknown(`http_${status}`);
    const html = { status, headers: { "content-type": "text/html" }, body: "<h1>Bad Gateway</h1>" };
    assertEquals(await outcomes(api(status)), each(write, write, read));
    assertEquals(await outcomes(html), each(write, write, read));
  }
});

Deno.test("a redirect is not followed and counts as an outage", async () => {
  await withAcontext(
    () => ({ status: 307, headers: { location: "/elsewhere" } }),
    async (acontext, received) => {
      assertEquals(await acontext.deleteDisk(ID, 10_000), unavailable("http_307"));
      assertEquals(await acontext.createDisk(ID), unavailable("http_307"));
      assertEquals(await acontext.findDisks(ID), unavailable("http_307"));
      assertEquals(received.map((request) => request.url.split("?")[0]), [
        `/api/v1/disk/${ID}`,
        "/api/v1/disk",
        "/api/v1/disk",
      ]);
    },
  );
});

Deno.test("a success of unknown shape proves nothing", async () => {
  const write = unknown("bad_shape");
  const read = unavailable("bad_shape");
  for (
    const reaction of [
      { status: 200, headers: { "content-type": "text/html" }, body: "<h1>Welcome</h1>" },
      { status: 200, body: "" },
      { status: 200, body: "null" },
      { status: 200, body: "{broken" },
      { status: 200, body: '{"data":{"items":[],"has_more":false}}' },
      api(200, { code: 500, msg: "failed", data: { items: [], has_more: false } }),
      { status: 204 },
    ]
  ) {
    assertEquals(await outcomes(reaction), each(write, write, read));
  }
});

Deno.test("a creation without a usable id is unknown, and a list without usable items unread", async () => {
  for (const data of [undefined, null, {}, [], { id: 7 }, { id: "x" }, { id: NIL }]) {
    assertEquals(await outcomes(ok(data, 201), CREATES), {
      createSession: unknown("bad_shape"),
      createDisk: unknown("bad_shape"),
    });
  }
  for (
    const data of [
      undefined,
      null,
      [],
      {},
      { items: [] },
      { items: null, has_more: false },
      { items: [{ id: "x" }], has_more: false },
      { items: [{}], has_more: false },
      { items: [], has_more: "no" },
      { items: [], has_more: true },
      { items: [], has_more: true, next_cursor: "" },
    ]
  ) {
    assertEquals(await outcomes(ok(data), READS), {
      findSessions: unavailable("bad_shape"),
      findDisks: unavailable("bad_shape"),
    });
  }
});

Deno.test("a dropped connection leaves the outcome open", async () => {
  const all = unknown("broken");
  assertEquals(await outcomes("drop"), each(all, all, all));
});

Deno.test("a cut body leaves the outcome open", async () => {
  const all = unknown("broken");
  assertEquals(await outcomes("cut"), each(all, all, all));
});

Deno.test("a stalled body and a silent server end at the timeout", async () => {
  const all = unknown("timeout");
  for (const reaction of ["stall", "silence"] as const) {
    const start = performance.now();
    assertEquals(await outcomes(reaction), each(all, all, all));
    const perCall = (performance.now() - start) / CALLS.length;
    assertEquals(perCall >= 290 && perCall < 1000, true, `${perCall} ms`);
  }
});

Deno.test("a refused connection and an unknown host are an outage: nothing was sent", async () => {
  const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = closed.addr;
  closed.close();
  for (const baseUrl of [`http://127.0.0.1:${port}`, "http://nowhere.invalid"]) {
    const acontext = createResources({ apiKey: "k", baseUrl, timeoutMs: 3000, namespace: "ns" });
    for (const name of CALLS) {
      assertEquals(await callOf(acontext, name)(ID), unavailable("refused"));
    }
  }
});

Deno.test("an answer that is too large is not read, with or without a length", async () => {
  const body = JSON.stringify({ code: 0, msg: "x".repeat(9 * 1024 * 1024) });
  // Nine megabytes take their time on a busy machine.
  const patient = { timeoutMs: 20_000 };
  const all = each(unknown("too_large"), unknown("too_large"), unavailable("too_large"));
  assertEquals(await outcomes({ status: 200, body }, CALLS, patient), all);
  const chunked = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  for (const claimed of [{}, { "content-length": "9" }]) {
    const headers = { "transfer-encoding": "chunked", ...claimed };
    assertEquals(await outcomes({ status: 200, headers, body: chunked }, CALLS, patient), all);
  }
});

Deno.test("a chunked answer is read like any other", async () => {
  const body = '{"code":0,"msg":"ünï"}';
  const length = new TextEncoder().encode(body).length.toString(16);
  const reaction: Reaction = {
    status: 200,
    headers: { "transfer-encoding": "chunked" },
    body: `${length}\r\n${body}\r\n0\r\n\r\n`,
  };
  assertEquals(await outcomes(reaction, DELETES), {
    deleteSession: { kind: "done", value: null },
    deleteDisk: { kind: "done", value: null },
  });
});

Deno.test("a 429 is passed on with the time to wait, in JSON or HTML", async () => {
  const cases: [Record<string, string>, number][] = [
    [{ "retry-after": "7" }, 7000],
    [{ "retry-after": "0" }, 1000],
    [{}, 1000],
    [{ "retry-after": "soon" }, 1000],
    [{ "retry-after": "86400" }, 60_000],
    [{ "retry-after": "3", "content-type": "text/html" }, 3000],
  ];
  for (const [headers, retryAfterMs] of cases) {
    const all = { kind: "throttled", retryAfterMs };
    assertEquals(await outcomes({ status: 429, headers, body: "{}" }), each(all, all, all));
  }
});

Deno.test("nothing is retried", async () => {
  for (const reaction of [api(500), api(503), api(429), "drop"] as const) {
    await withAcontext(() => reaction, async (acontext, received) => {
      for (const name of CALLS) await callOf(acontext, name)(ID);
      assertEquals(received.length, CALLS.length);
    });
  }
});

import { assert, assertEquals, assertMatch } from "@std/assert/mod.js";
import { delay } from "@std/async/delay.js";
import { freePort } from "../../local/ports.ts";
import { eventually } from "../support/eventually.ts";
import { shareStack, stackTest } from "./fixture.ts";

const shared = shareStack();

interface Received {
  method: string;
  path: string;
  headers: Headers;
  body: string;
}

/** A server that remembers what it got; `?wait=` ms before it answers. */
async function withTarget(
  fn: (target: { url: string; received: Received[] }) => Promise<void>,
): Promise<void> {
  const received: Received[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const url = new URL(request.url);
      received.push({
        method: request.method,
        path: url.pathname + url.search,
        headers: request.headers,
        body: await request.text(),
      });
      if (url.pathname === "/redirect") {
        return new Response(null, { status: 307, headers: { location: "/landed" } });
      }
      await delay(Number(url.searchParams.get("wait") ?? 0));
      return Response.json({ ok: true }, { status: 202 });
    },
  );
  try {
    await fn({ url: `http://127.0.0.1:${server.addr.port}`, received });
  } finally {
    await server.shutdown();
  }
}

async function response(id: string) {
  const [row] = await shared.sql`select * from net._http_response where id = ${id}`;
  return row;
}

const answered = (id: string) => eventually("it is answered", () => response(id));

async function get(url: string, timeout = 5_000): Promise<string> {
  const [row] = await shared.sql`
    select net.http_get(${url}, timeout_milliseconds => ${timeout}) as id`;
  return row?.["id"];
}

stackTest(
  "net worker sends after the commit, and nothing after a rollback",
  () =>
    withTarget(async ({ url, received }) => {
      await shared.sql.begin(async (tx) => {
        await tx`select net.http_get(${`${url}/rolled-back`})`;
        await delay(200);
        throw new Error("no");
      }).catch(() => {});
      await shared.sql.begin(async (tx) => {
        await tx`select net.http_get(${`${url}/committed`})`;
        await delay(200);
        assertEquals(received.length, 0);
      });
      await eventually("it has arrived", () => received.length > 0);
      assertEquals(received.map(({ path }) => path), ["/committed"]);
    }),
);

stackTest(
  "net worker passes method, parameters, headers and body",
  () =>
    withTarget(async ({ url, received }) => {
      const [row] = await shared.sql`
      select net.http_post(
        ${`${url}/hook?a=1`}, '{"x": 1}', '{"b c": "ü"}', '{"apikey": "k"}', 2000) as id`;
      const answer = await answered(row?.["id"]);
      assertEquals(answer["status_code"], 202);
      assertEquals(answer["content"], '{"ok":true}');
      assertEquals(answer["content_type"], "application/json");
      assertEquals(answer["timed_out"], false);
      const [request] = received;
      assertEquals(request?.method, "POST");
      assertEquals(request?.path, "/hook?a=1&b%20c=%C3%BC");
      assertEquals(request?.body, '{"x": 1}');
      assertEquals(request?.headers.get("apikey"), "k");
      assertEquals(request?.headers.get("content-type"), "application/json");
      assertMatch(request?.headers.get("user-agent") ?? "", /^pg_net\//);
      await shared.sql`select net.http_delete(${`${url}/gone`})`;
      await eventually("it has arrived", () => received.some(({ method }) => method === "DELETE"));
    }),
);

stackTest(
  "net worker shows a batch's answers when its slowest request has ended",
  () =>
    withTarget(async ({ url, received }) => {
      const ids = await shared.sql.begin(async (tx) => {
        const [row] = await tx`
        select net.http_get(${`${url}/fast`}) as fast, net.http_get(${`${url}/slow?wait=500`}) as slow`;
        return row;
      });
      await eventually("it has arrived", () => received.length === 2);
      const late = await get(`${url}/late`);
      await delay(250);
      assertEquals(await response(ids?.["fast"]), undefined);
      assertEquals(received.length, 2);
      await answered(ids?.["fast"]);
      assert(await response(ids?.["slow"]));
      await answered(late);
    }),
);

stackTest("net worker sends a batch side by side", () =>
  withTarget(async ({ url }) => {
    const began = Date.now();
    const [row] = await shared.sql`
      select max(net.http_get(${`${url}/?wait=200`})) as last from generate_series(1, 100)`;
    await answered(row?.["last"]);
    assert(Date.now() - began < 3_000);
  }));

stackTest("net worker notes timeouts and refused connections", () =>
  withTarget(async ({ url }) => {
    const slow = await get(`${url}/?wait=1000`, 100);
    const nobody = await get(`http://127.0.0.1:${freePort()}/`);
    const timedOut = await answered(slow);
    assertEquals([timedOut["status_code"], timedOut["timed_out"]], [null, true]);
    assertMatch(timedOut["error_msg"], /^Timeout of 100 ms/);
    const refused = await answered(nobody);
    assertEquals([refused["status_code"], refused["timed_out"]], [null, false]);
    assertEquals(refused["error_msg"], "Couldn't connect to server");
  }));

stackTest(
  "net worker follows redirects and lets the key travel along",
  () =>
    withTarget(async ({ url, received }) => {
      const [row] = await shared.sql`
      select net.http_post(${`${url}/redirect`}, headers => '{"apikey": "k"}') as id`;
      assertEquals((await answered(row?.["id"]))["status_code"], 202);
      assertEquals(received.map(({ path }) => path), ["/redirect", "/landed"]);
      assertEquals(received[1]?.headers.get("apikey"), "k");
    }),
);

stackTest("net worker drops old answers", async () => {
  await shared
    .sql`insert into net._http_response (id, created) values (-1, now() - interval '7 hours')`;
  await eventually("it is gone", async () => (await response("-1")) === undefined);
});

stackTest(
  "net worker sends again what was under way when the database restarted",
  () =>
    withTarget(async ({ url, received }) => {
      const id = await get(`${url}/?wait=800`);
      await eventually("it has arrived", () => received.length === 1);
      await shared.stack.restartPostgres("fast");
      assertEquals((await answered(id))["status_code"], 202);
      assertEquals(received.length, 2);
    }),
);

/** How much pg_net holds, the rows that its worker has taken included. */
async function counts() {
  const [row] = await shared.sql`
    select (select count(*)::int from net.http_request_queue) as requests,
      (select count(*)::int from net._http_response) as answers`;
  return row;
}

stackTest(
  "a crash of the database loses what is queued, under way and answered",
  () =>
    withTarget(async ({ url, received }) => {
      await answered(await get(`${url}/before`));
      await get(`${url}/under-way?wait=800`);
      await eventually("it has arrived", () => received.length === 2);
      await get(`${url}/queued`);
      const before = await counts();
      assertEquals(before?.["requests"], 2);
      assert(before?.["answers"] > 0);

      await shared.stack.restartPostgres("immediate");
      assertEquals(await counts(), { requests: 0, answers: 0 });
      await answered(await get(`${url}/after`));
      await shared.sql`select net.check_worker_is_up()`;
      assertEquals(await counts(), { requests: 0, answers: 1 });
      assertEquals(received.map(({ path }) => path), ["/before", "/under-way?wait=800", "/after"]);
    }),
);

import { assert, assertEquals } from "@std/assert/mod.js";
import { delay } from "@std/async/delay.js";
import { eventually } from "../support/eventually.ts";
import { shareStack, stackTest } from "./fixture.ts";

// What pg_net does while the database stays is in tests/contract/pg_net/.
const shared = shareStack();

/** A server that remembers what it got; `?wait=` ms before it answers. */
async function withTarget(
  fn: (target: { url: string; received: string[] }) => Promise<void>,
): Promise<void> {
  const received: string[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const url = new URL(request.url);
      received.push(url.pathname + url.search);
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
      assertEquals(received, ["/before", "/under-way?wait=800", "/after"]);
    }),
);

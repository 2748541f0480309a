import { assertEquals, assertMatch } from "@std/assert/mod.js";
import { delay } from "@std/async/delay.js";
import { freePort } from "../../../local/ports.ts";
import { eventually } from "../../support/eventually.ts";
import { databaseTest, shareDatabase } from "../platform/database.ts";
import { netOf } from "./requests.ts";
import { withRawTarget, withTarget } from "./target.ts";

const database = shareDatabase();
const net = netOf(database);

/** Nothing but an error. */
function failure(error_msg: string) {
  return {
    status_code: null,
    content_type: null,
    headers: null,
    content: null,
    timed_out: false,
    error_msg,
  };
}

async function outcome(id: string) {
  const { id: _id, created: _created, ...rest } = await net.answer(id);
  return rest;
}

databaseTest("pg_net notes that nobody listens", async () => {
  const id = await net.get(`http://127.0.0.1:${freePort()}/`);
  assertEquals(await outcome(id), failure("Couldn't connect to server"));
});

databaseTest("pg_net notes that a name is unknown", async () => {
  const id = await net.get("http://nobody.invalid/");
  assertEquals(await outcome(id), failure("Couldn't resolve host name"));
});

databaseTest("pg_net notes an address that was put into the queue past its functions", async () => {
  const [row] = await database.sql<{ id: string }[]>`
    insert into net.http_request_queue (method, url, headers, timeout_milliseconds)
    values ('GET', 'http://exam ple.com/', '{}', 1000) returning id`;
  await database.sql`select net.wake()`;
  const expected = failure("URL using bad/illegal format or missing URL");
  assertEquals(await outcome(row?.id ?? ""), expected);
});

databaseTest("pg_net notes a scheme that it does not send to", async () => {
  const id = await net.get("ftp://127.0.0.1/");
  assertEquals(await outcome(id), failure("Unsupported protocol"));
});

databaseTest(
  "pg_net notes that a connection closed without an answer",
  () =>
    withRawTarget("", async ({ url }) => {
      const id = await net.get(url);
      assertEquals(await outcome(id), failure("Server returned nothing (no headers, no data)"));
    }),
);

databaseTest(
  "pg_net notes a timeout, and where the time went",
  () =>
    withTarget(async ({ url }) => {
      const { error_msg, ...rest } = await outcome(await net.get(`${url}/held`, { timeout: 100 }));
      assertEquals(rest, {
        status_code: null,
        content_type: null,
        headers: null,
        content: null,
        timed_out: true,
      });
      assertMatch(
        error_msg ?? "",
        /^Timeout of 100 ms reached\. Total time: \d+\.\d{6} ms \(DNS time: \d+\.\d{6} ms, TCP\/SSL handshake time: \d+\.\d{6} ms, HTTP Request\/Response time: \d+\.\d{6} ms\)$/,
      );
    }),
);

for (const timeout of [0, -1]) {
  databaseTest(
    `pg_net waits for ever when the limit is ${timeout}, and a restart of its worker does not help`,
    () =>
      withTarget(async ({ url, received, release }) => {
        const held = await net.get(`${url}/held`, { timeout });
        await eventually("it has arrived", () => received.length === 1);
        const behind = await net.get(`${url}/behind`);
        await database.sql`select net.worker_restart()`;
        await delay(2_500);
        assertEquals(received.map(({ path }) => path), ["/held"]);
        assertEquals(await net.isQueued(behind), true);
        release();
        assertEquals((await net.answer(held)).status_code, 202);
        assertEquals((await net.answer(behind)).status_code, 202);
      }),
  );
}

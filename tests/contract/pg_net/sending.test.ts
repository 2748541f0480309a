import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert/mod.js";
import { delay } from "@std/async/delay.js";
import { eventually } from "../../support/eventually.ts";
import { databaseTest, shareDatabase } from "../platform/database.ts";
import { netOf } from "./requests.ts";
import { withTarget } from "./target.ts";

const database = shareDatabase();
const net = netOf(database);

/** pg_net's pause between two batches. */
const PAUSE_MS = 1_000;

databaseTest(
  "pg_net sends after the commit, and nothing after a rollback",
  () =>
    withTarget(async ({ url, received }) => {
      await database.sql.begin(async (tx) => {
        await net.get(`${url}/rolled-back`, { sql: tx });
        throw new Error("roll back");
      }).catch(() => {});
      const id = await database.sql.begin(async (tx) => {
        const queued = await net.get(`${url}/committed`, { sql: tx });
        // A batch of somebody else's passes; it does not see the request.
        await net.answer(await net.get(`${url}/other`));
        return queued;
      });
      await net.answer(id);
      assertEquals(received.map(({ path }) => path), ["/other", "/committed"]);
    }),
);

databaseTest(
  "pg_net passes method, parameters, headers and body",
  () =>
    withTarget(async ({ url, received }) => {
      const [row] = await database.sql<{ id: string }[]>`
      select net.http_post(
        ${`${url}/hook?a=1`}, '{"x": 1}', '{"b c": "ü"}', '{"apikey": "k", "X-Number": 5, "X-Null": null}', 2000) as id`;
      await net.answer(row?.id ?? "");
      const [request] = received;
      assertEquals(request?.method, "POST");
      // Older versions of libcurl write the digits in lower case.
      assertEquals(request?.path.replace("%c3%bc", "%C3%BC"), "/hook?a=1&b%20c=%C3%BC");
      assertEquals(request?.body, '{"x": 1}');
      assertEquals(request?.headers.get("apikey"), "k");
      assertEquals(request?.headers.get("x-number"), "5");
      assertEquals(request?.headers.has("x-null"), false);
      assertEquals(request?.headers.get("content-type"), "application/json");
      assertEquals(request?.headers.get("accept"), "*/*");
      assertMatch(request?.headers.get("user-agent") ?? "", /^pg_net\/\d+\.\d+\.\d+$/);

      const [gone] = await database.sql<{ id: string }[]>`
      select net.http_delete(${`${url}/gone`}, body => '{"y": 2}') as id`;
      await net.answer(gone?.id ?? "");
      assertEquals([received[1]?.method, received[1]?.body], ["DELETE", '{"y": 2}']);
    }),
);

databaseTest("pg_net notes an answer", () =>
  withTarget(async ({ url }) => {
    const answer = await net.answer(await net.get(url));
    assertEquals(answer.status_code, 202);
    assertEquals(answer.content, '{"ok":true}');
    assertEquals(answer.content_type, "application/json");
    assertEquals(answer.timed_out, false);
    assertEquals(answer.error_msg, null);
    assert(answer.created instanceof Date);

    const empty = await net.answer(await net.get(`${url}/empty`));
    assertEquals([empty.status_code, empty.content, empty.content_type], [204, null, null]);
  }));

databaseTest(
  "pg_net shows a batch's answers together, and sends nothing else before",
  () =>
    withTarget(async ({ url, received, release }) => {
      const { held, fast } = await database.sql.begin(async (tx) => ({
        held: await net.get(`${url}/held`, { sql: tx, timeout: 20_000 }),
        fast: await net.get(`${url}/fast`, { sql: tx }),
      }));
      await eventually("both have arrived", () => received.length === 2);
      const late = await net.get(`${url}/late`);
      // Longer than any pause of the worker: what does not come now waits for the batch.
      await delay(1.5 * PAUSE_MS);
      assertEquals(await net.find(fast), undefined);
      assertEquals(received.map(({ path }) => path).toSorted(), ["/fast", "/held"]);
      release();
      const [first, second] = [await net.answer(fast), await net.answer(held)];
      // The time of one transaction.
      assertEquals(first.created, second.created);
      await net.answer(late);
    }),
);

databaseTest(
  "pg_net sends 200 at a time, with a pause in between",
  () =>
    withTarget(async ({ url, received }) => {
      const [row] = await database.sql<{ id: string }[]>`
      select max(net.http_get(${url} || '/?' || n)) as id from generate_series(1, 201) as n`;
      await net.answer(row?.id ?? "");
      assertEquals(received.length, 201);
      const [before, last] = received.slice(-2);
      assertGreater((last?.at ?? 0) - (before?.at ?? 0), 0.8 * PAUSE_MS);
    }),
);

databaseTest(
  "pg_net does not look for requests by itself: it has to be woken",
  () =>
    withTarget(async ({ url, received }) => {
      await net.answer(await net.get(`${url}/before`));
      // After a batch the worker looks once more.
      await eventually("a row stays unsent for longer than any pause", async () => {
        const [row] = await database.sql<{ id: string }[]>`
        insert into net.http_request_queue (method, url, headers, timeout_milliseconds)
        values ('GET', ${`${url}/unannounced`}, '{}', 1000) returning id`;
        await delay(2.5 * PAUSE_MS);
        return await net.isQueued(row?.id ?? "");
      }, 15_000);
      const sent = received.length;
      await database.sql`select net.wake()`;
      await eventually("it is sent", () => received.length === sent + 1);
    }),
);

databaseTest("pg_net drops answers after six hours, when it is woken", async () => {
  const id = "-1";
  await database.sql`
    insert into net._http_response (id, created) values (${id}, now() - interval '361 minutes')`;
  await database.sql`select net.wake()`;
  await eventually("it is gone", async () => (await net.find(id)) === undefined);
});

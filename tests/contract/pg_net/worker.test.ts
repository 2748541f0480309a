import { assertEquals, assertMatch, assertNotEquals } from "@std/assert/mod.js";
import { eventually } from "../../support/eventually.ts";
import { databaseTest, shareDatabase, standInTest } from "../platform/database.ts";
import { netOf } from "./requests.ts";
import { withTarget } from "./target.ts";

const database = shareDatabase();
const net = netOf(database);

async function worker() {
  const [row] = await database.sql<{ pid: number; name: string }[]>`
    select pid, application_name as name from pg_stat_activity where application_name ~ '^pg_net [0-9.]+$'`;
  return row;
}

databaseTest(
  "pg_net has a worker that can be seen and started again",
  () =>
    withTarget(async ({ url }) => {
      await database.sql`select net.wait_until_running()`;
      await database.sql`select net.check_worker_is_up()`;
      const first = await eventually("it is there", worker);
      assertMatch(first.name, /^pg_net \d+\.\d+\.\d+$/);
      const [row] = await database.sql`select net.worker_restart() as done`;
      assertEquals(row?.["done"], true);
      const second = await eventually("another is there", async () => {
        const found = await worker();
        return found?.pid === first.pid ? null : found;
      });
      assertNotEquals(second.pid, first.pid);
      assertEquals((await net.answer(await net.get(url))).status_code, 202);
    }),
);

databaseTest("everybody who may log in reads what pg_net is about to send", async () => {
  const [row] = await database.sql`
    select has_schema_privilege('public', 'net', 'usage') as schema,
      has_table_privilege('public', 'net.http_request_queue', 'select') as queue,
      has_table_privilege('public', 'net._http_response', 'delete') as answers`;
  assertEquals(row, { schema: true, queue: true, answers: true });
});

databaseTest(
  "pg_net's tables and its sequence are not logged, so that a crash empties them",
  async () => {
    const rows = await database.sql<{ name: string; kind: string }[]>`
    select relname as name, relpersistence::text as kind from pg_class
    where relnamespace = 'net'::regnamespace and relkind in ('r', 'S') order by relname`;
    assertEquals(rows.map(({ name, kind }) => [name, kind]).toSorted(), [
      ["_http_response", "u"],
      ["http_request_queue", "u"],
      ["http_request_queue_id_seq", "u"],
    ]);
  },
);

standInTest(
  "after a crash ids begin at 1 again: an old id may get another's answer",
  () =>
    withTarget(async ({ url }) => {
      const before = await net.get(`${url}/before`);
      await net.answer(before);
      await database.crash();
      assertEquals(await net.find(before), undefined);
      assertEquals(await net.get(`${url}/after`), "1");
      await net.answer("1");
    }),
);

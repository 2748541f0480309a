import { assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { databaseTest, shareDatabase } from "../platform/database.ts";
import { netOf } from "./requests.ts";
import { withRawTarget, withTarget } from "./target.ts";

const database = shareDatabase();
const net = netOf(database);

const OK = [
  "HTTP/1.1 200 OK",
  "Content-Length: 2",
  "connection: close",
  "X-Mixed-Case:  kept ",
  "x-twice: a",
  "x-twice: b",
  "",
  "ok",
].join("\r\n");

databaseTest(
  "pg_net sends header values as they are: a newline ends the header",
  () =>
    withRawTarget(OK, async ({ url, requests }) => {
      const id = await net.get(url, { headers: { "X-First": "one\nX-Second: two" } });
      assertEquals((await net.answer(id)).content, "ok");
      assertStringIncludes(requests[0] ?? "", "\r\nX-First: one\nX-Second: two\r\n");
    }),
);

databaseTest(
  "pg_net sends a key with a newline at its end, and so cuts the request",
  () =>
    withRawTarget(OK, async ({ url, requests }) => {
      const [row] = await database.sql<{ id: string }[]>`
      select net.http_post(
        ${url}, headers => jsonb_build_object('apikey', 'secret' || chr(10), 'Content-Type', 'application/json')) as id`;
      await net.answer(row?.id ?? "");
      assertStringIncludes(requests[0] ?? "", "apikey: secret\n\r\n");
    }),
);

databaseTest(
  "pg_net leaves out a header without a value",
  () =>
    withRawTarget(OK, async ({ url, requests }) => {
      await net.answer(await net.get(url, { headers: { "X-Empty": "" } }));
      assertEquals(requests[0]?.includes("X-Empty"), false);
    }),
);

databaseTest(
  "pg_net notes an answer's headers as they came, of one name the last",
  () =>
    withRawTarget(OK, async ({ url }) => {
      const { headers } = await net.answer(await net.get(url));
      assertEquals(headers, {
        "Content-Length": "2",
        "X-Mixed-Case": "kept",
        "connection": "close",
        "x-twice": "b",
      });
    }),
);

const CHUNKED =
  "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";

databaseTest(
  "pg_net puts an answer together that came in chunks",
  () =>
    withRawTarget(CHUNKED, async ({ url }) => {
      assertEquals((await net.answer(await net.get(url))).content, "abcde");
    }),
);

const CUT = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc";

databaseTest("pg_net notes that an answer broke off", () =>
  withRawTarget(CUT, async ({ url }) => {
    const { status_code, content, error_msg } = await net.answer(await net.get(url));
    assertEquals([status_code, content, error_msg], [null, null, "Transferred a partial file"]);
  }));

const NUL = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na\0b";

databaseTest(
  "pg_net notes an answer up to its first null character",
  () =>
    withRawTarget(NUL, async ({ url }) => {
      assertEquals((await net.answer(await net.get(url))).content, "a");
    }),
);

databaseTest(
  "pg_net notes an answer that is no HTTP",
  () =>
    withRawTarget("nonsense\r\n\r\n", async ({ url }) => {
      const { status_code, error_msg } = await net.answer(await net.get(url));
      assertEquals([status_code, error_msg], [null, "Unsupported protocol"]);
    }),
);

databaseTest(
  "pg_net follows redirects, and the apikey goes along, to another server, too",
  () =>
    withTarget(async (other) => {
      await withTarget(async ({ url, received }) => {
        const to = encodeURIComponent(`${other.url}/landed`);
        const [row] = await database.sql<{ id: string }[]>`
        select net.http_post(
          ${`${url}/redirect?to=${to}`},
          headers => '{"apikey": "k", "Authorization": "Bearer t"}') as id`;
        assertEquals((await net.answer(row?.id ?? "")).status_code, 202);
        assertEquals(received[0]?.headers.get("authorization"), "Bearer t");
        const [landed] = other.received;
        assertEquals([landed?.method, landed?.path], ["POST", "/landed"]);
        assertEquals(landed?.headers.get("apikey"), "k");
        assertEquals(landed?.headers.has("authorization"), false);
      });
    }),
);

databaseTest(
  "pg_net turns a POST into a GET at a 302",
  () =>
    withTarget(async ({ url, received }) => {
      const [row] = await database.sql<{ id: string }[]>`
      select net.http_post(${`${url}/redirect?status=302`}, '{"x": 1}') as id`;
      await net.answer(row?.id ?? "");
      assertEquals(received.map(({ method, body }) => [method, body]), [["POST", '{"x": 1}'], [
        "GET",
        "",
      ]]);
    }),
);

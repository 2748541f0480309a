import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { databaseTest, shareDatabase } from "../platform/database.ts";

const database = shareDatabase();

/** How libcurl words it depends on its version: the older ones name the part of the address. */
const MALFORMED = /: (Malformed input to a URL function|Bad (scheme|hostname|path|query))$/;

const REFUSED: [string, RegExp][] = [
  ["", /: Bad scheme$/],
  ["/functions/v1", /: Bad scheme$/],
  ["//example.com", /: Bad scheme$/],
  ["example.com", /: Bad scheme$/],
  ["example.com/functions", /: Bad scheme$/],
  ["http//example.com", /: Bad scheme$/],
  ["'http://example.com'", /: Bad scheme$/],
  ["localhost:8000", /: Unsupported URL scheme$/],
  ["mailto:a@example.com", /: Unsupported URL scheme$/],
  ["postgres://example.com", /: Unsupported URL scheme$/],
  ["http:example.com", /: Unsupported number of slashes following scheme$/],
  ["http:////example.com", /: Unsupported number of slashes following scheme$/],
  ["http://", /: No host part in the URL$/],
  ["http://?a=1", /: No host part in the URL$/],
  ["http://example.com:x", /: Port number was not a decimal number between 0 and 65535$/],
  ["http://example.com:99999", /: Port number was not a decimal number between 0 and 65535$/],
  ["http://[::1", /: Bad IPv6 address$/],
  [" http://example.com", MALFORMED],
  ["http://example.com ", MALFORMED],
  ["http://example.com\n", MALFORMED],
  ["\thttp://example.com", MALFORMED],
  ["http://exam ple.com/", MALFORMED],
  ["http://example.com/a b", MALFORMED],
  ["http://example.com/?a=b c", MALFORMED],
  ["http://example.com/\r\n", MALFORMED],
  ["http://example.com/\x01", MALFORMED],
  ["http://example.com/\x7f", MALFORMED],
];

/** Address, with no parameters, with two. */
const ACCEPTED: [string, string, string][] = [
  ["http://a.b/x", "http://a.b/x", "http://a.b/x?c=d%20e&f=g"],
  ["http://a.b", "http://a.b/", "http://a.b/?c=d%20e&f=g"],
  ["https://a.b:443/x", "https://a.b:443/x", "https://a.b:443/x?c=d%20e&f=g"],
  ["HTTP://A.B/X", "http://A.B/X", "http://A.B/X?c=d%20e&f=g"],
  ["http://a.b?x=1", "http://a.b/?x=1", "http://a.b/?x=1&c=d%20e&f=g"],
  ["http://a.b/x?", "http://a.b/x", "http://a.b/x?c=d%20e&f=g"],
  ["http://a.b/x#part", "http://a.b/x#part", "http://a.b/x?c=d%20e&f=g#part"],
  ["http://a.b#part", "http://a.b/#part", "http://a.b/?c=d%20e&f=g#part"],
  ["http://a.b:/", "http://a.b/", "http://a.b/?c=d%20e&f=g"],
  ["http://u:p@a.b:80/", "http://u:p@a.b:80/", "http://u:p@a.b:80/?c=d%20e&f=g"],
  ["http://[::1]:80/x", "http://[::1]:80/x", "http://[::1]:80/x?c=d%20e&f=g"],
  ["http:/a.b/x", "http://a.b/x", "http://a.b/x?c=d%20e&f=g"],
  ["http://a.b/ü", "http://a.b/ü", "http://a.b/ü?c=d%20e&f=g"],
  ["ftp://a.b/", "ftp://a.b/", "ftp://a.b/?c=d%20e&f=g"],
];

databaseTest("pg_net raises on an address that libcurl cannot parse", async () => {
  const { sql } = database;
  for (const [url, reason] of REFUSED) {
    const error = await assertRejects(() => sql`select net.http_get(${url})`.execute(), Error);
    const { message } = error;
    assertEquals(message.startsWith(`invalid URL "${url}"`), true, message);
    assertEquals(reason.test(message), true, `${JSON.stringify(url)}: ${message}`);
  }
  const post = () => sql`select net.http_post('example.com')`.execute();
  await assertRejects(post, Error, 'invalid URL "example.com": Bad scheme');
});

databaseTest("pg_net completes an address and adds parameters to it", async () => {
  for (const [url, plain, extended] of ACCEPTED) {
    const [row] = await database.sql`
      select net._encode_url_with_params_array(${url}, '{}') as plain,
        net._encode_url_with_params_array(${url}, '{c=d%20e,f=g}') as extended`;
    assertEquals(row, { plain, extended }, url);
  }
});

databaseTest("pg_net encodes parameters as libcurl does", async () => {
  const [row] = await database.sql`
    select net._urlencode_string('a b&c=ü~-_.!*()') as text, net._urlencode_string(null) as nothing`;
  assertEquals(row, { text: "a%20b%26c%3D%C3%BC~-_.%21%2A%28%29", nothing: null });
});

databaseTest("pg_net needs an address, a limit and JSON", async () => {
  const { sql } = database;
  const refused: [() => Promise<unknown>, string][] = [
    [() => sql`select net.http_get(null)`.execute(), 'null value in column "url"'],
    [
      () => sql`select net.http_get('http://a.b', timeout_milliseconds => null)`.execute(),
      'null value in column "timeout_milliseconds"',
    ],
    [
      () =>
        sql`select net.http_post('http://a.b', headers => '{"Content-Type": "text/plain"}')`
          .execute(),
      'Content-Type header must be "application/json"',
    ],
  ];
  for (const [call, reason] of refused) await assertRejects(call, Error, reason);
});

/**
 * What a row may be asked to hold: the extremes of every column, as the JSON text that is sent. Text, because half of it is
 * what `JSON.stringify` does not write.
 *
 * @module
 */

function nested(depth: number, [open, close]: [string, string]): string {
  return `{"a":${open.repeat(depth - 1)}1${close.repeat(depth - 1)}}`;
}

const LISTS: [string, string] = ["[", "]"];
const OBJECTS: [string, string] = ['{"a":', "}"];

const list = (count: number, item: string) => `{"a":[${Array(count).fill(item).join(",")}]}`;
const keys = (count: number) =>
  `{${Array.from({ length: count }, (_, index) => `"${index.toString(36)}":1`).join(",")}}`;
const text = (value: string) => JSON.stringify(value);
const texts = (...values: string[]) => values.map(text);

const TITLES = [
  "null",
  ...texts("", " ", "x".repeat(200), "x".repeat(201), "💥".repeat(200), "x".repeat(100_000)),
  ...texts(
    "\u202e",
    "\ufeff",
    "%_*\\",
    "'; drop table session_mappings; --",
    "\u0001\u007f",
    "({[",
  ),
  ...['"a\\u0000b"', '"\\ud800"', '"\\udc00x"', "1", "1e400", "true", "{}", "[]", '["a","b"]'],
];

const NUMBERS = [
  ...["1e400", "-1e400", "1e131071", "1e309", "1.7976931348623157e308", "1.7976931348623159e308"],
  ...["1e308", "5e-324", "1e-400", "1e-16383", "0e-16383", "0e131071", "-0", "-0.0", "1e22"],
  ...["9007199254740993", "12345678901234567890.12345678901234567890", "0.1", "1e-7"],
  ...["9".repeat(100), "9".repeat(5_000), `0.${"0".repeat(5_000)}1`, `0.${"1".repeat(400)}`],
];

const METADATA = [
  ...["{}", "null", "[]", "1", "true", '"x"', '"{}"', "{", ""],
  ...NUMBERS.map((number) => `{"n":${number}}`),
  ...[list(2_500, "1e131071"), list(300, "1e400"), list(4_000, "1e300"), list(4_000, "0e-16383")],
  ...[list(900, "1e-307"), list(20, "1e307"), list(500, `${"9".repeat(300)}`), list(4_000, "1")],
  ...[list(2_000, "null"), list(2_000, "[]"), list(20_000, "0")],
  ...[2, 31, 32, 33, 34, 100, 2_700, 7_000, 50_000].map((depth) => nested(depth, LISTS)),
  ...[31, 32, 33, 100, 1_300].map((depth) => nested(depth, OBJECTS)),
  ...[keys(900), keys(1_000), keys(1_100), keys(10_000)],
  ...['{"__proto__":{"x":1}}', '{"constructor":{"prototype":1}}', '{"a":{"__proto__":null}}'],
  ...['{"toString":1,"hasOwnProperty":1}', '{"":1}', '{"a":1,"a":2}', '{" ":{" ":{}}}'],
  ...['{"a":"\\u0000"}', '{"\\u0000":1}', '{"a":"\\ud800"}', '{"\\udc00":1}', '{"a":"\\u202e"}'],
  ...[8_183, 8_184, 8_185, 8_192, 100_000].map((size) => `{"a":"${"x".repeat(size)}"}`),
  ...[
    `{"a":"${"é".repeat(4_092)}"}`,
    `{"a":"${"\\n".repeat(4_092)}"}`,
    `{"a":"${"💥".repeat(2_040)}"}`,
  ],
  ...[
    `{"${"k".repeat(8_000)}":1}`,
    '{"acontext_sessions":{"namespace":"local","session_id":"{other}"}}',
  ],
];

const TTLS = [
  ...["null", "60", "3600", "1e9", "true", "{}", "[]"],
  ...texts("60 seconds", "59 seconds", "59.999999 seconds", "60.000001 seconds", "61.5 seconds"),
  ...texts(
    "315360000 seconds",
    "315360001 seconds",
    "3650 days",
    "3651 days",
    "3649 days 24 hours",
  ),
  ...texts(
    "1 month",
    "1 year",
    "121 months",
    "1.5 months",
    "0.1 years",
    "10 years",
    "1 month -1 day",
  ),
  ...texts(
    "-1000 years 363650 days",
    "292000 years -105116350 days",
    "-1 month 31 days",
    "-1 day 25 hours",
  ),
  ...texts("-1000 years 365000 days", "1 day -23:59:00", "178000000 years", "-178000000 years"),
  ...texts(
    "infinity",
    "-infinity",
    "@ 1 hour ago",
    "@ 1 hour",
    "2562047788 hours",
    "-1 second",
    "0",
  ),
  ...texts("P1M", "PT1M", "PT60S", "P10Y", "P1Y-365D", "P0001-00-00T00:00:00", "P1W", "PT-60S"),
  ...texts(
    "00:01:00",
    "1-2",
    "1 2:00:00",
    "9223372036854775807 microseconds",
    "1 day 86399.999999 sec",
  ),
  ...texts("", "x", "1e400", "60 bananas", "2147483647 days", "-2147483648 days", "1 millennium"),
];

const TIMES = [
  ...["null", "0", "1e18", "true"],
  ...texts("infinity", "-infinity", "epoch", "now", "tomorrow", "yesterday", "x", "", "allballs"),
  ...texts("294276-12-31T23:59:59.999999Z", "294276-12-01T00:00:00Z", "9999-12-31T23:59:60Z"),
  ...texts("4713-01-01 BC", "0001-01-01T00:00:00Z", "1999-12-31T23:59:59.999999Z", "2000-01-01"),
  ...texts(
    "2038-01-19T03:14:08Z",
    "2262-04-12T00:00:00Z",
    "2100-01-01T00:00:00+15:59",
    "294277-01-01",
  ),
];

const IDS = [
  ...["null", "1", '"{me}"', '"{own}"', '"{new}"', '"x"', '""'],
  ...texts("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
];

const BOOLEANS = [
  ...["true", "false", "null", "1", "0", "2", "{}", "[]"],
  ...texts("true", "t", "yes", "on", "1", "TRUE", "off", "maybe", ""),
];

/** Raw JSON for each column of `public.session_mappings`. `{me}` and the like stand for ids. */
export const EXTREMES = {
  id: IDS,
  user_id: IDS,
  status: ['"provisioning"', '"active"', '"deleting"', "null", '"ACTIVE"', '""', "1"],
  title: TITLES,
  metadata: METADATA,
  pinned: BOOLEANS,
  ttl: TTLS,
  message_count: [
    "0",
    "1",
    "2147483647",
    "2147483646",
    "2147483648",
    "-1",
    "1.5",
    '"7"',
    "1e3",
    "null",
  ],
  acontext_session_id: IDS,
  acontext_disk_id: IDS,
  expires_at: TIMES,
  last_write_at: TIMES,
  message_count_is_exact: BOOLEANS,
  created_at: TIMES,
  updated_at: TIMES,
  last_activity_at: TIMES,
};

export type Column = keyof typeof EXTREMES;

/** What a signed-in user may change; everything else is refused by the grants. */
export const USER_COLUMNS: Column[] = ["title", "metadata", "pinned", "ttl"];

export const COLUMNS = Object.keys(EXTREMES) as Column[];

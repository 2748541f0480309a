import { assertEquals } from "@std/assert/mod.js";
import { toError, toSeconds } from "../../../client/src/rows.ts";

Deno.test("toSeconds() reads what Postgres prints", () => {
  const day = 86_400;
  const cases: [string, number][] = [
    ["00:01:00", 60],
    ["00:01:30.5", 90],
    ["1440:00:00", 60 * day],
    ["87600:00:00", 3650 * day],
    ["1 day", day],
    ["30 days 04:05:06", 30 * day + 14_706],
    ["1 mon", 30 * day],
    ["2 mons -1 days", 59 * day],
    ["1 year 2 mons 3 days", 365.25 * day + 63 * day],
    ["10 years", 3652.5 * day],
    ["1 day -01:00:00", 23 * 3600],
  ];
  for (const [interval, seconds] of cases) assertEquals(toSeconds(interval), seconds, interval);
});

Deno.test("toSeconds() reads every style in which a project may print intervals", () => {
  const cases: [number, string[]][] = [
    [60, ["00:01:00", "@ 1 min", "0:01:00", "PT1M"]],
    [90, ["00:01:30", "@ 1 min 30 secs", "0:01:30", "PT1M30S"]],
    [3661, ["01:01:01", "@ 1 hour 1 min 1 sec", "1:01:01", "PT1H1M1S"]],
    [315_360_000, ["87600:00:00", "@ 87600 hours", "87600:00:00", "PT87600H"]],
    // Of rows from before lifetimes were stored as seconds.
    [86_400, ["1 day", "@ 1 day", "1 0:00:00", "P1D"]],
    [2_606_706, [
      "30 days 04:05:06",
      "@ 30 days 4 hours 5 mins 6 secs",
      "30 4:05:06",
      "P30DT4H5M6S",
    ]],
    [82_800, ["1 day -01:00:00", "@ 1 day -1 hours", "+0-0 +1 -1:00:00", "P1DT-1H"]],
  ];
  for (const [seconds, styles] of cases) {
    for (const interval of styles) assertEquals(toSeconds(interval), seconds, interval);
  }
});

Deno.test("toError() says in the functions' words what the Data API says", () => {
  const cases: [number, string, string][] = [
    [0, "TypeError: fetch failed", "network_error"],
    [401, "JWT expired", "unauthorized"],
    [403, "permission denied", "forbidden"],
    [400, 'invalid input syntax for type uuid: "x"', "invalid_request"],
    [406, "none of these schemas", "unexpected_answer"],
    [503, "no connection", "database_unavailable"],
    [500, "statement timeout", "database_unavailable"],
  ];
  for (const [status, message, code] of cases) {
    const error = toError({ code: "X", message }, status);
    assertEquals([error.code, error.status], [code, status]);
  }
});

Deno.test("toError() tells a key that the gateway does not take from a token that ended", () => {
  const [key, token] = [{ message: "Invalid API key" }, { code: "PGRST303", message: "expired" }]
    .map((error) => toError(error, 401));
  assertEquals([key?.code, token?.code], ["unauthorized", "unauthorized"]);
  assertEquals([key?.message.includes("API key"), token?.message.includes("token")], [true, true]);
});

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

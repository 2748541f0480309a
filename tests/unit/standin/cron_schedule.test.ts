import { assertEquals } from "@std/assert/mod.js";
import { parseSchedule } from "../../../local/cron_schedule.ts";
import { ACCEPTED_SCHEDULES, REFUSED_SCHEDULES } from "../../contract/pg_cron/schedules.ts";

function isDue(schedule: string, minute: string): boolean | undefined {
  const parsed = parseSchedule(schedule);
  return parsed?.kind === "minutes" ? parsed.isDue(new Date(`${minute}:00Z`)) : undefined;
}

/** The minutes of an hour, in which each hour is like the other, at which a schedule is due. */
function minutesOf(schedule: string): number[] {
  return Array.from({ length: 60 }, (_, minute) => minute)
    .filter((minute) => isDue(schedule, `2026-01-01T10:${String(minute).padStart(2, "0")}`));
}

Deno.test("parseSchedule() takes what pg_cron takes", () => {
  assertEquals(ACCEPTED_SCHEDULES.filter((schedule) => parseSchedule(schedule) === null), []);
});

Deno.test("parseSchedule() refuses what pg_cron refuses", () => {
  assertEquals(REFUSED_SCHEDULES.filter((schedule) => parseSchedule(schedule) !== null), []);
});

Deno.test("parseSchedule() knows intervals and starts", () => {
  assertEquals(parseSchedule("30 seconds"), { kind: "interval", seconds: 30 });
  assertEquals(parseSchedule("1second"), { kind: "interval", seconds: 1 });
  assertEquals(parseSchedule("@reboot"), { kind: "start" });
});

Deno.test("parseSchedule() knows the minutes", () => {
  assertEquals(minutesOf("* * * * *").length, 60);
  assertEquals(minutesOf("*/20 * * * *"), [0, 20, 40]);
  assertEquals(minutesOf("5-10/2,7,59 * * * *"), [5, 7, 9, 59]);
  assertEquals(minutesOf("5 * * * * *"), [5]);
  assertEquals(minutesOf("5! * * * *"), [5]);
  assertEquals(minutesOf("@hourly"), [0]);
});

Deno.test("parseSchedule() fills octets when a range ends before it begins", () => {
  assertEquals(minutesOf("5-1 * * * *"), []);
  assertEquals(minutesOf("10-1 * * * *"), [0, 1, 10, 11, 12, 13, 14, 15]);
  assertEquals(minutesOf("10-1/2 * * * *"), []);
});

Deno.test("parseSchedule() knows the days", () => {
  assertEquals(isDue("0 0 * * *", "2026-01-01T00:00"), true);
  assertEquals(isDue("0 0 * * *", "2026-01-01T00:01"), false);
  // Day of month or day of week, when both are given; both, when one of them begins with a star.
  assertEquals(isDue("0 0 13 * 5", "2026-01-13T00:00"), true);
  assertEquals(isDue("0 0 13 * 5", "2026-01-02T00:00"), true);
  assertEquals(isDue("0 0 13 * 5", "2026-01-03T00:00"), false);
  assertEquals(isDue("0 0 */2 * 5", "2026-01-03T00:00"), false);
  assertEquals(isDue("0 0 */2 * 5", "2026-01-02T00:00"), false);
  assertEquals(isDue("0 0 */2 * 5", "2026-01-09T00:00"), true);
  assertEquals(isDue("0 0 $ * *", "2026-02-28T00:00"), true);
  assertEquals(isDue("0 0 $ * *", "2026-02-27T00:00"), false);
  assertEquals(isDue("0 0 * * 7", "2026-01-04T00:00"), true);
  assertEquals(isDue("0 0 * feb sun", "2026-02-01T00:00"), true);
  assertEquals(isDue("@weekly", "2026-01-04T00:00"), true);
  assertEquals(isDue("@weekly", "2026-01-05T00:00"), false);
  assertEquals(isDue("@monthly", "2026-02-01T00:00"), true);
  assertEquals(isDue("@daily", "2026-02-05T00:00"), true);
  // A fault of upstream: no month is set.
  assertEquals(isDue("@yearly", "2026-01-01T00:00"), false);
});

import { assertEquals } from "@std/assert/mod.js";
import {
  AppError,
  describeError,
} from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { createLog } from "../../../supabase/functions/_acontext_sessions/runtime/log.ts";

function recorder() {
  const lines: { level: string; line: string }[] = [];
  let time = 0;
  const log = createLog({
    name: "hello",
    write: (level, line) => lines.push({ level, line }),
    now: () => time,
  });
  return { log, lines, pass: (ms: number) => time += ms };
}

Deno.test("a log line is one JSON object with level, function and event", () => {
  const { log, lines } = recorder();
  log.info("request", { status: 200, route: null, text: "a\nb" });
  assertEquals(lines, [{
    level: "info",
    line:
      '{"level":"info","function":"hello","event":"request","status":200,"route":null,"text":"a\\nb"}',
  }]);
});

Deno.test("a long text is cut", () => {
  const { log, lines } = recorder();
  log.warn("x", { text: "y".repeat(1000) });
  assertEquals(JSON.parse(lines[0]?.line ?? "").text.length, 300);
});

Deno.test("the log stays below the platform's rate, leaves room for errors and counts what it drops", () => {
  const { log, lines, pass } = recorder();
  for (let i = 0; i < 200; i++) log.info("a");
  assertEquals(lines.length, 60);
  for (let i = 0; i < 200; i++) log.error("b");
  assertEquals(lines.length, 95);
  assertEquals(JSON.parse(lines[60]?.line ?? "").dropped, 140);
  pass(9_999);
  log.error("c");
  assertEquals(lines.length, 95);
  pass(1);
  log.info("d");
  log.info("e");
  assertEquals(lines.slice(95).map(({ line }) => JSON.parse(line)), [
    { level: "info", function: "hello", event: "d", dropped: 166 },
    { level: "info", function: "hello", event: "e" },
  ]);
});

Deno.test("describeError() tells name, code and place, and never the message", () => {
  const error = Object.assign(new TypeError("secret sk-ac-123\n    at secret (x:1:1)"), {
    code: "23514",
  });
  const described = describeError(error);
  assertEquals([described.error, described.errorCode], ["TypeError", "23514"]);
  assertEquals(described.at?.includes("log_lines.test.ts"), true);
  assertEquals(/(^|< )at /.test(described.at ?? ""), false);
  assertEquals(JSON.stringify(described).includes("secret"), false);
  assertEquals(describeError(new AppError("database_unavailable", { cause: error })), described);
  assertEquals(describeError(new AppError("forbidden")).errorCode, "forbidden");
  assertEquals(describeError("secret"), { error: "string" });
  assertEquals(describeError(undefined), { error: "undefined" });
});

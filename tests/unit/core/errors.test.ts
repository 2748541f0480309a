import { assertEquals, assertMatch, assertStrictEquals } from "@std/assert/mod.js";
import {
  AppError,
  type ErrorCode,
  ERRORS,
} from "../../../supabase/functions/_acontext_sessions/core/errors.ts";

const DOCS = new URL("../../../docs/errors.md", import.meta.url);

interface Row {
  code: string;
  status: number;
  retry: boolean;
}

/** A heading with the status, below it one with each code, and there its meaning and what to do. */
async function documented(): Promise<{ rows: Row[]; texts: string[] }> {
  const [, ...statuses] = (await Deno.readTextFile(DOCS)).split(/^## /m);
  const sections = statuses.flatMap((status) => {
    const [title = "", ...codes] = status.split(/^### /m);
    return codes.map((text) => ({ status: Number.parseInt(title), text }));
  });
  return {
    rows: sections.map(({ status, text }) => ({
      code: /^`(\w+)`$/m.exec(text)?.[1] ?? "",
      status,
      retry: /With\s`Retry-After`\./.test(text),
    })),
    texts: sections.flatMap(({ text }) => {
      const [, meaning = "", action = ""] = text.trim().split("\n\n");
      return [meaning, action.replace("**What to do:** ", "")];
    }),
  };
}

Deno.test("docs/errors.md and the table of errors are equal", async () => {
  const { rows } = await documented();
  const table: Row[] = Object.entries(ERRORS).map(([code, kind]) => ({
    code,
    status: kind.status,
    retry: "retryAfterSeconds" in kind,
  }));
  const byCode = (a: Row, b: Row) => a.code.localeCompare(b.code);
  assertEquals(rows.toSorted(byCode), table.toSorted(byCode));
});

Deno.test("docs/errors.md gives each error a meaning and something to do", async () => {
  for (const text of (await documented()).texts) assertMatch(text, /^[A-Z][^]{10,}\.$/);
});

Deno.test("every error says what cannot be done and why, without a final period", () => {
  for (const kind of Object.values(ERRORS)) {
    assertMatch(kind.message, /^Cannot [^:]+: .+[^.]$/);
    if ("hint" in kind) assertMatch(kind.hint, /^[A-Z].+[^.]$/);
  }
});

Deno.test("AppError takes status, text and waiting time from the table", () => {
  const error = new AppError("session_busy");
  const { status, message, hint, retryAfterSeconds } = ERRORS.session_busy;
  assertEquals([error.code, error.status, error.message], ["session_busy", status, message]);
  assertEquals([error.hint, error.retryAfterSeconds], [hint, retryAfterSeconds]);
  assertEquals([error.details, error.cause], [null, undefined]);
  assertEquals(new AppError("forbidden").retryAfterSeconds, null);
});

Deno.test("AppError lets the thrower say more", () => {
  const cause = new Error("inner");
  const details = [{ path: "ttl", message: "must be at least 60" }];
  const code: ErrorCode = "session_busy";
  const error = new AppError(code, {
    message: "Cannot wait: x",
    hint: "h",
    retryAfterSeconds: 9,
    details,
    cause,
  });
  assertEquals([error.message, error.hint, error.retryAfterSeconds], ["Cannot wait: x", "h", 9]);
  assertEquals(error.details, details);
  assertStrictEquals(error.cause, cause);
});

import { assertEquals } from "@std/assert/mod.js";
import type { ErrorDetail } from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { serve } from "../../../supabase/functions/_acontext_sessions/http/serve.ts";
import { routes } from "../../../supabase/functions/session-files/routes.ts";
import { recordLog, testEnv, USER_ID } from "./fixtures.ts";

const never = () => Promise.reject(new Error("Cannot call this: nothing valid was sent"));

const fetch = serve({
  name: "session-files",
  auth: () => Promise.resolve({ userId: USER_ID }),
  routes: routes({ list: never, link: never, download: never, upload: never, remove: never }),
  env: testEnv,
  log: recordLog().log,
});

Deno.test("session-files names the field of an upload that is wrong", async () => {
  const cases: [fields: Record<string, string>, name: string, detail: ErrorDetail][] = [
    [{ path: "docs" }, "a.txt", { path: "path", message: 'must begin and end with "/"' }],
    [{ filename: "a/b" }, "a.txt", { path: "filename", message: 'must not contain "/"' }],
    [{ colour: "red" }, "a.txt", { path: "colour", message: "is not a known field" }],
    [{}, "..", { path: "filename", message: 'must not contain ".."' }],
  ];
  for (const [fields, name, detail] of cases) {
    const body = new FormData();
    for (const [field, value] of Object.entries(fields)) body.set(field, value);
    body.set("file", new File(["x"], name));
    const url = "http://x.test/session-files/11111111-2222-4333-8444-55555555abcd";
    const response = await fetch(new Request(url, { method: "POST", body }));
    const { code, details } = await response.json();
    assertEquals([response.status, code, details], [400, "invalid_request", [detail]]);
  }
});

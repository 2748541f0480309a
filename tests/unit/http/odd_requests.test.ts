import { assert, assertEquals } from "@std/assert/mod.js";
import { serve } from "../../../supabase/functions/_acontext_sessions/http/serve.ts";
import { routes } from "../../../supabase/functions/session-files/routes.ts";
import { headOf, sendRaw } from "../../support/raw_http.ts";
import { recordLog, testEnv, USER_ID } from "./fixtures.ts";
import { setUp } from "./serve_fixtures.ts";

const ID = "11111111-2222-4333-8444-55555555abcd";

/** Runs `use` with a real server in front of a function of three routes. */
async function served(
  use: (send: (text: string) => ReturnType<typeof sendRaw>) => Promise<void>,
): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, setUp().fetch);
  try {
    await use((text) => sendRaw({ hostname: "127.0.0.1", port: server.addr.port }, text));
  } finally {
    await server.shutdown();
  }
}

/** What a server lets through and no client sends, and the answer's code. */
const ODD: [what: string, text: string, code: string][] = [
  ...["[", "a b", "%", "x:99999", "x:y"].map((host): [string, string, string] => [
    `the host "${host}"`,
    headOf(`DELETE /hello/${ID}`, [`Host: ${host}`]),
    "invalid_request",
  ]),
  ["an address with an end of its own", headOf("DELETE /hello/%", ["Host: x"]), "invalid_id"],
  ["a path of another place", headOf("DELETE /hello/../../etc", ["Host: x"]), "not_found"],
  ["an encoded path", headOf("DELETE /hello/%2e%2e/x", ["Host: x"]), "not_found"],
  ["a long path", headOf(`DELETE /hello/${"x".repeat(20_000)}`, ["Host: x"]), "invalid_id"],
  ["a method that nobody knows", headOf("BREW /hello", ["Host: x"]), "method_not_allowed"],
  ["a method in lower case", headOf("delete /hello", ["Host: x"]), "method_not_allowed"],
  [
    "two content types",
    headOf("POST /hello", [
      "Host: x",
      "Content-Type: application/json",
      "Content-Type: application/json",
      "Content-Length: 2",
    ]) + "{}",
    "unsupported_media_type",
  ],
  [
    "a compression among others",
    headOf("POST /hello", [
      "Host: x",
      "Content-Type: application/json",
      "Content-Encoding: identity, gzip",
      "Content-Length: 2",
    ]) + "{}",
    "unsupported_media_type",
  ],
];

for (const [what, text, code] of ODD) {
  Deno.test(`${what} is refused as the caller's fault`, () =>
    served(async (send) => {
      const answer = await send(text);
      assert(answer.status >= 400 && answer.status < 500, answer.text);
      assert(answer.text.includes(`"code":"${code}"`), answer.text);
    }));
}

Deno.test("names of types may be written in any case", async () => {
  const fetch = serve({
    name: "session-files",
    auth: () => Promise.resolve({ userId: USER_ID }),
    routes: routes({
      list: () => Promise.reject(new Error("not asked")),
      link: () => Promise.reject(new Error("not asked")),
      download: () =>
        Promise.resolve({
          stream: new Blob(["x"]).stream(),
          contentType: "text/plain",
        }),
      upload: () => Promise.reject(new Error("not asked")),
      remove: () => Promise.reject(new Error("not asked")),
    }),
    env: testEnv,
    log: recordLog().log,
  });
  const cases: [accept: string | null, type: string][] = [
    [null, "text/plain"],
    ["*/*", "text/plain"],
    ["application/octet-stream", "application/octet-stream"],
    ["Application/Octet-Stream", "application/octet-stream"],
    ["application/octet-stream; q=1", "application/octet-stream"],
    ["application/octet-streams", "text/plain"],
  ];
  for (const [accept, type] of cases) {
    const url = `http://x.test/session-files/${ID}/content?filename=a.txt`;
    const response = await fetch(new Request(url, { headers: accept === null ? {} : { accept } }));
    assertEquals([response.headers.get("content-type"), await response.text()], [type, "x"]);
  }
});

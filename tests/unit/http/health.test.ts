import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert/mod.js";
import { AppError } from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import type { HealthFacts } from "../../../supabase/functions/_acontext_sessions/core/health/facts.ts";
import { HEALTH_REASONS } from "../../../supabase/functions/_acontext_sessions/core/health/reasons.ts";
import type { Outcome } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";
import { optionalSecretKey } from "../../../supabase/functions/_acontext_sessions/http/auth.ts";
import { serve } from "../../../supabase/functions/_acontext_sessions/http/serve.ts";
import { routes } from "../../../supabase/functions/session-health/routes.ts";
import { healthyFacts } from "../core/health/fixtures.ts";
import { recordLog, SECRET_KEY, testEnv } from "./fixtures.ts";

function health({ facts = healthyFacts(), probed = { kind: "done", value: null } }: {
  facts?: HealthFacts;
  probed?: Outcome<null>;
} = {}) {
  const state = { now: 0, reads: 0, failing: false, facts };
  const fetch = serve({
    name: "session-health",
    auth: optionalSecretKey,
    routes: routes({
      read() {
        state.reads++;
        return state.failing
          ? Promise.reject(new AppError("database_unavailable"))
          : Promise.resolve(state.facts);
      },
      probe: () => Promise.resolve(probed),
      namespace: () => "local",
      now: () => state.now,
    }),
    env: testEnv,
    log: recordLog().log,
  });
  const get = (query = "", headers: Record<string, string> = {}) =>
    fetch(new Request(`http://x.test/session-health${query}`, { headers }));
  return { state, get, getAll: (query = "") => get(query, { apikey: SECRET_KEY }) };
}

Deno.test("session-health tells everybody the status and nothing else", async () => {
  const facts = healthyFacts();
  facts.vault.projectUrl = null;
  const { get } = health({ facts });
  for (const headers of [{}, { apikey: "sb_publishable_x" }, { authorization: "Bearer x" }]) {
    const response = await get("?probe=acontext", headers);
    assertEquals([response.status, await response.json()], [200, { status: "failing" }]);
  }
});

Deno.test("session-health asks the database at most once in ten seconds for callers without a key", async () => {
  const { state, get, getAll } = health();
  await get();
  state.facts.vault.projectUrl = null;
  state.now = 9_999;
  assertEquals(await (await get()).json(), { status: "ok" });
  assertEquals((await (await getAll()).json()).status, "failing", "a key sees what is");
  assertEquals(state.reads, 2);
  state.now = 10_000;
  assertEquals(await (await get()).json(), { status: "failing" });
});

Deno.test("session-health asks the database once for all who ask at the same time", async () => {
  const { state, get } = health();
  const responses = await Promise.all([get(), get(), get()]);
  assertEquals(responses.map(({ status }) => status), [200, 200, 200]);
  assertEquals(state.reads, 1);
});

Deno.test("session-health does not ask a failing database more often", async () => {
  const { state, get } = health();
  state.failing = true;
  assertEquals((await get()).status, 503);
  state.failing = false;
  assertEquals([(await get()).status, state.reads], [503, 1]);
  state.now = 10_000;
  assertEquals([(await get()).status, state.reads], [200, 2]);
});

Deno.test("session-health tells the holder of a secret key everything", async () => {
  const facts = healthyFacts();
  facts.queue.stuck.count = 3;
  const response = await health({ facts }).getAll();
  const { status, reasons, namespace, ...rest } = await response.json();
  assertEquals([status, namespace, rest], ["degraded", "local", facts]);
  assertEquals(reasons, [{
    code: "stuck_sessions",
    message: "3 deletions have failed 10 times or more and are still tried",
    ...HEALTH_REASONS.stuck_sessions,
  }]);
});

Deno.test("session-health refuses a wrong secret key instead of telling little", async () => {
  const response = await health().get("", { apikey: "sb_secret_wrong" });
  assertEquals([response.status, (await response.json()).code], [401, "unauthorized"]);
});

Deno.test("session-health asks Acontext when told to", async () => {
  const outcomes: [Outcome<null>, { reachable: boolean; problem: string | null }][] = [
    [{ kind: "done", value: null }, { reachable: true, problem: null }],
    [{ kind: "throttled", retryAfterMs: 5 }, { reachable: true, problem: null }],
    [{ kind: "unavailable", detail: "http_401" }, { reachable: false, problem: "http_401" }],
    [{ kind: "unknown", detail: "timeout" }, { reachable: false, problem: "timeout" }],
    [{ kind: "absent" }, { reachable: false, problem: "http_404" }],
  ];
  for (const [probed, expected] of outcomes) {
    const response = await health({ probed }).getAll("?probe=acontext");
    assertEquals((await response.json()).acontext, expected);
  }
  assertEquals("acontext" in await (await health().getAll()).json(), false);
});

Deno.test("session-health speaks Prometheus when asked by query or by Accept", async () => {
  const facts = healthyFacts();
  facts.runs.lastFinished = "outage";
  const { get, getAll } = health({ facts });
  const accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3";
  for (
    const response of [
      await getAll("?format=prometheus"),
      await get("", { apikey: SECRET_KEY, accept }),
    ]
  ) {
    assertEquals(
      response.headers.get("content-type"),
      "text/plain; version=0.0.4; charset=utf-8",
    );
    const text = await response.text();
    assertStringIncludes(text, "\nacontext_sessions_status 2\n");
    assertStringIncludes(text, '\nacontext_sessions_reason{reason="acontext_unreachable"} 1\n');
    assertStringIncludes(text, '\nacontext_sessions_reason{reason="stuck_sessions"} 0\n');
    assertStringIncludes(text, '\nacontext_sessions_sessions{status="active"} 20\n');
    assertStringIncludes(text, '\nacontext_sessions_job_active{job="retry"} 1\n');
    for (const line of text.trimEnd().split("\n")) {
      assertMatch(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="\w+"\})? -?\d+)$/);
    }
  }
  assertEquals(
    await (await get("?format=prometheus")).text(),
    "# HELP acontext_sessions_status 0 ok, 1 degraded, 2 failing\n" +
      "# TYPE acontext_sessions_status gauge\nacontext_sessions_status 2\n",
  );
  const json = await get("?format=json", { apikey: SECRET_KEY, accept });
  assertEquals((await json.json()).status, "failing");
});

Deno.test("session-health leaves out what is not known", async () => {
  const facts = healthyFacts();
  facts.runs.lastSuccessSeconds = null;
  const text = await (await health({ facts }).getAll("?format=prometheus")).text();
  assertEquals(text.includes("last_success_seconds"), false);
});

Deno.test("session-health refuses a format and a probe that it does not know", async () => {
  for (const [query, path] of [["?format=xml", "format"], ["?probe=all", "probe"]]) {
    const response = await health().getAll(query);
    const { code, details } = await response.json();
    assertEquals([response.status, code, details[0].path], [400, "invalid_request", path]);
  }
});

Deno.test("session-health says so when the database cannot be asked", async () => {
  const fetch = serve({
    name: "session-health",
    auth: optionalSecretKey,
    routes: routes({
      read: () => Promise.reject(new AppError("database_unavailable")),
      probe: () => Promise.reject(new Error("must not run")),
      namespace: () => "local",
      now: () => 0,
    }),
    env: testEnv,
    log: recordLog().log,
  });
  const response = await fetch(new Request("http://x.test/session-health"));
  assertEquals([response.status, (await response.json()).code], [503, "database_unavailable"]);
});

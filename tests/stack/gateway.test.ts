import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { createFunctionsHandler } from "../../local/gateway/functions.ts";
import { loadKeys } from "../../local/keys.ts";
import { freePort } from "../../local/ports.ts";
import { startStack } from "../../local/stack.ts";
import { eventually } from "../support/eventually.ts";
import { createProject, shareStack, stackTest } from "./fixture.ts";

Deno.env.set("OF_THE_PARENT", "secret");
const shared = shareStack({ instances: { open: 2 }, env: { OWN: "set" } });

function call(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${shared.stack.apiUrl}${path}`, init);
}

function now(): number {
  return Math.floor(Date.now() / 1_000);
}

async function userToken(claims: Record<string, unknown> = {}): Promise<string> {
  return await shared.stack.issueToken({
    iss: `${shared.stack.apiUrl}/auth/v1`,
    aud: "authenticated",
    role: "authenticated",
    sub: crypto.randomUUID(),
    exp: now() + 60,
    ...claims,
  });
}

async function status(path: string, headers: Record<string, string>): Promise<[number, string]> {
  const response = await call(path, { headers });
  const body = await response.json();
  return [response.status, body.code ?? body.message ?? body.path];
}

stackTest("gateway honours verify_jwt", async () => {
  const path = "/functions/v1/private/a/b";
  assertEquals(await status(path, {}), [401, "UNAUTHORIZED_NO_AUTH_HEADER"]);
  const key = { authorization: `Bearer ${shared.stack.publishableKey}` };
  assertEquals(await status(path, key), [401, "UNAUTHORIZED_INVALID_JWT_FORMAT"]);
  const expired = { authorization: `Bearer ${await userToken({ exp: now() - 1 })}` };
  assertEquals(await status(path, expired), [401, "UNAUTHORIZED_ASYMMETRIC_JWT"]);
  const [head, body] = (await userToken()).split(".");
  const forged = { authorization: `Bearer ${head}.${body}.${"A".repeat(86)}` };
  assertEquals(await status(path, forged), [401, "UNAUTHORIZED_ASYMMETRIC_JWT"]);
  for (
    const [alg, code] of [["HS256", "LEGACY_JWT"], ["none", "UNSUPPORTED_TOKEN_ALGORITHM"]]
  ) {
    const header = btoa(JSON.stringify({ alg })).replaceAll("=", "");
    const token = { authorization: `Bearer ${header}.${body}.x` };
    assertEquals(await status(path, token), [401, `UNAUTHORIZED_${code}`]);
  }
  const good = { authorization: `Bearer ${await userToken()}` };
  assertEquals(await status(path, good), [200, "/private/a/b"]);
  const lower = { authorization: `bearer  ${await userToken()}` };
  assertEquals(await status(path, lower), [200, "/private/a/b"]);
  // An API key alone passes, and with it whoever has the publishable one: the function has to look itself.
  const { publishableKey, secretKey } = shared.stack;
  assertEquals(await status(path, { apikey: publishableKey }), [200, "/private/a/b"]);
  assertEquals(await status(path, { apikey: secretKey }), [200, "/private/a/b"]);
  const unknown = { apikey: "sb_publishable_unknown" };
  assertEquals(await status(path, unknown), [401, "UNAUTHORIZED_NO_AUTH_HEADER"]);
  const [refused] = await status(path, { apikey: publishableKey, ...expired });
  assertEquals(refused, 401);

  const preflight = await call(path, { method: "OPTIONS" });
  await preflight.body?.cancel();
  assertEquals(preflight.status, 200);
});

stackTest("gateway needs no key for a function without verify_jwt", async () => {
  assertEquals(await status("/functions/v1/open", {}), [200, "/open"]);
});

stackTest("gateway has the platform's quirks", async () => {
  assertEquals(await status("/functions/v1/missing", {}), [404, "NOT_FOUND"]);
  assertEquals(await status("/functions/v1/_own", {}), [404, "NOT_FOUND"]);
  assertEquals((await call("/functions/v1/open", { method: "HEAD" })).status, 405);
  const html = await call("/functions/v1/open/html");
  assertEquals(html.headers.get("content-type"), "text/plain; charset=utf-8");
  await html.body?.cancel();
  const thrown = await call("/functions/v1/open/throw");
  assertEquals([thrown.status, (await thrown.json()).code], [500, "WORKER_ERROR"]);
});

stackTest("gateway streams bodies both ways", async () => {
  const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
  const writer = writable.getWriter();
  const first = writer.write(new TextEncoder().encode("one"));
  const response = await call("/functions/v1/open/echo", { method: "POST", body: readable });
  await first;
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  // The first part is back before the last one is sent.
  assertEquals((await reader?.read())?.value, "one");
  await writer.write(new TextEncoder().encode("two"));
  await writer.close();
  assertEquals((await reader?.read())?.value, "two");
});

stackTest("gateway spreads requests over instances and survives a crash", async () => {
  const pids = new Set<number>();
  for (let i = 0; i < 4; i++) pids.add((await (await call("/functions/v1/open")).json()).pid);
  assertEquals(pids.size, 2);
  assertEquals(shared.stack.functionPids("open").length, 2);

  const crashed = await call("/functions/v1/open/crash");
  assertEquals([crashed.status, (await crashed.json()).code], [546, "WORKER_RESOURCE_LIMIT"]);
  assertEquals((await call("/functions/v1/open").then((r) => r.json())).path, "/open");
  await eventually("both are there again", () => shared.stack.functionPids("open").length === 2);
});

stackTest("functions get the platform's environment and nothing of ours", async () => {
  const environment: Record<string, string> = await (await call("/functions/v1/open/environment"))
    .json();
  assertEquals(environment["SUPABASE_URL"], shared.stack.apiUrl);
  assertEquals(JSON.parse(environment["SUPABASE_SECRET_KEYS"] ?? ""), {
    default: shared.stack.secretKey,
  });
  assertEquals(JSON.parse(environment["SUPABASE_JWKS"] ?? "").keys.length, 1);
  assertEquals(environment["ACONTEXT_BASE_URL"], shared.stack.acontext.baseUrl);
  assertEquals(environment["OWN"], "set");
  assertEquals(environment["OF_THE_PARENT"], undefined);
});

stackTest("functions may reach the gateway and Acontext, and no file or other host", async () => {
  const reach = async (url: string) =>
    await (await call(`/functions/v1/open/reach?url=${encodeURIComponent(url)}`)).json();
  assertEquals(await (await call("/functions/v1/open/read")).json(), "NotCapable");
  assertEquals(await reach(`${shared.stack.apiUrl}/auth/v1/health`), 200);
  assertEquals(typeof await reach(`${shared.stack.acontext.baseUrl}/session`), "number");
  assertEquals(await reach(`http://127.0.0.1:${freePort()}/`), "NotCapable");
  assertEquals(await reach("https://example.com/"), "NotCapable");
});

stackTest("gateway wants an API key for REST and auth", async () => {
  assertEquals(await status("/rest/v1/notes", {}), [401, "No API key found in request"]);
  assertEquals(await status("/rest/v1/notes", { apikey: "sb_secret_x" }), [401, "Invalid API key"]);
  assertEquals(await status("/auth/v1/user", {}), [401, "No API key found in request"]);
});

stackTest("gateway says what the local stack has not", async () => {
  for (
    const [path, part] of [["realtime", "Realtime"], ["storage", "Storage"], ["graphql", "GraphQL"]]
  ) {
    const response = await call(`/${path}/v1/x`);
    const { code, message } = await response.json();
    assertEquals(
      [response.status, code, message],
      [501, "NOT_IN_LOCAL_STACK", `The local stack has no ${part}`],
    );
  }
  const unknown = await call("/elsewhere/v1");
  await unknown.body?.cancel();
  assertEquals(unknown.status, 404);
});

stackTest("a channel of Realtime fails at once, instead of waiting", async () => {
  const { apiUrl, publishableKey } = shared.stack;
  const socket = new WebSocket(
    `${apiUrl.replace("http", "ws")}/realtime/v1/websocket?apikey=${publishableKey}&vsn=1.0.0`,
  );
  const outcome = await new Promise((resolve) => {
    socket.onopen = () => resolve("open");
    socket.onerror = () => resolve("refused");
  });
  assertEquals(outcome, "refused");
});

stackTest("gateway turns API keys into roles and passes user tokens on", async () => {
  const { publishableKey, secretKey, apiUrl } = shared.stack;
  await shared.sql`insert into public.notes (user_id, body) values (null, 'nobody')`;
  const read = async (headers: Record<string, string>) => {
    const response = await fetch(`${apiUrl}/rest/v1/notes?select=body&body=eq.nobody`, { headers });
    return [response.status, await response.json()];
  };
  const [anonStatus, anonBody] = await read({ apikey: publishableKey });
  assertEquals([anonStatus, anonBody.code], [401, "42501"]);
  const all = [200, [{ body: "nobody" }]];
  assertEquals(await read({ apikey: secretKey }), all);
  assertEquals(await read({ apikey: secretKey, authorization: `Bearer ${secretKey}` }), all);
  const user = { apikey: publishableKey, authorization: `Bearer ${await userToken()}` };
  assertEquals(await read(user), [200, []]);
  const [expired] = await read({
    apikey: publishableKey,
    authorization: `Bearer ${await userToken({ exp: now() - 60 })}`,
  });
  assertEquals(expired, 401);
});

stackTest("gateway answers preflights for REST", async () => {
  const response = await call("/rest/v1/notes", {
    method: "OPTIONS",
    headers: {
      origin: "http://localhost:3000",
      "access-control-request-method": "PATCH",
      "access-control-request-headers": "apikey,authorization",
    },
  });
  await response.body?.cancel();
  assertEquals(response.headers.get("access-control-allow-origin"), "*");
  assertStringIncludes(response.headers.get("access-control-allow-headers") ?? "", "apikey");
});

stackTest("PostgREST learns of new tables by itself", async () => {
  await shared.sql`create table public.later (id int)`;
  await shared.sql`grant select on public.later to service_role`;
  const headers = { apikey: shared.stack.secretKey };
  await eventually("it is served", async () => {
    const response = await call("/rest/v1/later", { headers });
    await response.body?.cancel();
    return response.status === 200;
  });
});

Deno.test("functions handler answers 504 when a function stays silent", async () => {
  const silent = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Promise<Response>((resolve) => setTimeout(() => resolve(new Response()), 300)),
  );
  const dir = await Deno.makeTempDir();
  const handler = createFunctionsHandler({
    keys: await loadKeys(join(dir, "keys.json")),
    responseTimeoutMs: 50,
    log: () => {},
    routes: new Map([["silent", {
      verifyJwt: false,
      pool: {
        name: "silent",
        booted: Promise.resolve(),
        pids: () => [],
        nextUrl: () => Promise.resolve(`http://127.0.0.1:${silent.addr.port}`),
        ask: () => Promise.resolve(),
        noticeEnd: () => Promise.resolve(),
        stop: () => Promise.resolve(),
      },
    }]]),
  });
  const response = await handler.handle(new Request("http://gateway/silent"), "/silent");
  assertEquals([response.status, (await response.json()).code], [504, "IDLE_TIMEOUT"]);
  handler.close();
  await silent.shutdown();
  await Deno.remove(dir, { recursive: true });
});

stackTest("stop() lets functions finish background work and tells them why", async () => {
  const projectDir = await createProject();
  const dataDir = await Deno.makeTempDir();
  const stack = await startStack({ projectDir, dataDir, ports: "free" });
  const response = await fetch(`${stack.apiUrl}/functions/v1/open/background`, { method: "POST" });
  await response.body?.cancel();
  assertEquals(response.status, 202);
  await stack.stop();
  const log = await Deno.readTextFile(join(dataDir, "logs", "open.log"));
  assertMatch(log, /beforeunload termination\nbackground done/);
  await Deno.remove(dataDir, { recursive: true });
  await Deno.remove(projectDir, { recursive: true });
});

stackTest("a function that does not start again does not stop the stack", async () => {
  const projectDir = await createProject();
  const dataDir = await Deno.makeTempDir();
  const lines: string[] = [];
  const stack = await startStack({
    projectDir,
    dataDir,
    ports: "free",
    log: (line) => lines.push(line),
  });
  await Deno.writeTextFile(join(projectDir, "supabase/functions/open/index.ts"), "throw 1");
  await (await fetch(`${stack.apiUrl}/functions/v1/open/crash`)).body?.cancel();
  const response = await fetch(`${stack.apiUrl}/functions/v1/open`);
  assertEquals([response.status, (await response.json()).code], [503, "BOOT_ERROR"]);
  assertEquals(lines.some((line) => line.startsWith("[open] ")), true);
  await stack.stop();
  await Deno.remove(dataDir, { recursive: true });
  await Deno.remove(projectDir, { recursive: true });
});

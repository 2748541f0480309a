import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { AppError } from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import {
  runOrSecretKey,
  secretKey,
  user,
} from "../../../supabase/functions/_acontext_sessions/http/auth.ts";
import { type Env, parseEnv } from "../../../supabase/functions/_acontext_sessions/runtime/env.ts";
import { ENV_SOURCE, PUBLIC_KEY, SECRET_KEY, signToken, testEnv, USER_ID } from "./fixtures.ts";

function request(headers: Record<string, string>): Request {
  return new Request("http://x.test/hello", { method: "POST", headers });
}

function bearer(token: string): Request {
  return request({ authorization: `Bearer ${token}` });
}

/** The error's code, after checking that its texts give nothing away. */
async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await assertRejects(() => work, AppError);
  const told = JSON.stringify([error.message, error.hint, error.details]);
  for (const secret of ["cron", "default", "hunter2", "eyJ", "@supabase", "k1"]) {
    assertEquals(told.includes(secret), false, told);
  }
  return error.code;
}

Deno.test("user() accepts a user's token and gives the lower-case id", async () => {
  assertEquals(await user(bearer(await signToken()), testEnv()), { userId: USER_ID });
  const upper = await signToken({ sub: USER_ID.toUpperCase() });
  assertEquals(await user(bearer(upper), testEnv()), { userId: USER_ID });
});

Deno.test("user() accepts an anonymous user, and an audience among several", async () => {
  const token = await signToken({ is_anonymous: true, aud: ["x", "authenticated"] });
  assertEquals(await user(bearer(token), testEnv()), { userId: USER_ID });
});

Deno.test("user() accepts the issuer under localhost as under 127.0.0.1", async () => {
  const token = await signToken({ iss: "http://localhost:54321/auth/v1" });
  assertEquals(await user(bearer(token), testEnv()), { userId: USER_ID });
});

Deno.test("user() refuses forged, altered, expired and misdirected tokens", async () => {
  const good = await signToken();
  const [header = "", , signature = ""] = good.split(".");
  const admin = btoa(JSON.stringify({ sub: USER_ID, role: "authenticated" })).replaceAll("=", "");
  const none = btoa('{"alg":"none","kid":"k1"}').replaceAll("=", "");
  const past = Math.floor(Date.now() / 1000) - 10;
  const tokens = [
    await signToken({}, { forged: true }),
    `${header}.${admin}.${signature}`,
    `${none}.${admin}.`,
    await signToken({ exp: past }),
    await signToken({ exp: undefined }),
    await signToken({ exp: null }),
    await signToken({ exp: "2100-01-01" }),
    await signToken({ nbf: past + 1000 }),
    await signToken({ aud: "other" }),
    await signToken({ aud: undefined }),
    await signToken({ iss: "https://evil.test/auth/v1" }),
    await signToken({ iss: undefined }),
    await signToken({ sub: undefined }),
    "garbage",
    "a.b.c",
    SECRET_KEY,
  ];
  for (const token of tokens) {
    assertEquals(await refusal(user(bearer(token), testEnv())), "unauthorized");
  }
});

Deno.test("user() takes the scheme in any case, and blanks as RFC 9110 allows them", async () => {
  const token = await signToken();
  for (const scheme of ["Bearer ", "bearer ", "BEARER ", "bEaReR  ", "Bearer    "]) {
    const authorization = `${scheme}${token}`;
    assertEquals(await user(request({ authorization }), testEnv()), { userId: USER_ID }, scheme);
  }
});

Deno.test("user() takes one token, and nothing around it", async () => {
  const token = await signToken();
  for (
    const authorization of [
      `Bearer${token}`,
      `Bearer\t${token}`,
      `Bearer ${token} x`,
      `Bearer ${token}, Bearer ${token}`,
      `Bearer "${token}"`,
      `Bearer token=${token}`,
      `x Bearer ${token}`,
      token,
    ]
  ) {
    assertEquals(await refusal(user(request({ authorization }), testEnv())), "unauthorized");
  }
});

Deno.test("user() refuses requests without a usable credential", async () => {
  const token = await signToken();
  const requests = [
    {},
    { authorization: "" },
    { authorization: "Bearer" },
    { authorization: `Basic ${token}` },
    { apikey: token },
    { apikey: SECRET_KEY },
    { apikey: "sb_publishable_x" },
  ];
  for (const headers of requests) {
    assertEquals(await refusal(user(request({ ...headers }), testEnv())), "unauthorized");
  }
});

Deno.test("user() refuses valid tokens that are not a user's", async () => {
  for (
    const claims of [
      { role: "service_role" },
      { role: "anon" },
      { role: undefined },
      { role: "AUTHENTICATED" },
      { sub: "not-a-uuid" },
      { sub: "" },
      { sub: "00000000-0000-0000-0000-000000000000" },
    ]
  ) {
    assertEquals(await refusal(user(bearer(await signToken(claims)), testEnv())), "forbidden");
  }
});

Deno.test("user() says when signing keys cannot be had", async () => {
  const { SUPABASE_JWKS: _none, ...rest } = ENV_SOURCE;
  const token = await signToken();
  const open = parseEnv({
    ...rest,
    SUPABASE_URL: "http://kong:8000",
    SESSION_NAMESPACE: "local",
  });
  assertEquals(await refusal(user(bearer(token), open)), "misconfigured");
  const unreachable = parseEnv({ ...rest, SUPABASE_URL: "http://127.0.0.1:1" });
  assertEquals(await refusal(user(bearer(token), unreachable)), "auth_unavailable");
});

/** A project that publishes `keys`, a worker that was given the key "k1" when it started, and how often it asked. */
async function withProject(
  keys: unknown[],
  use: (project: { env: Env; asked: () => number }) => Promise<void>,
): Promise<void> {
  let asked = 0;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    asked++;
    const { pathname } = new URL(request.url);
    return pathname === "/auth/v1/.well-known/jwks.json"
      ? Response.json({ keys })
      : new Response(null, { status: 404 });
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  try {
    // The issuer stays that of the tokens in the fixtures.
    const { signingKeysUrl } = parseEnv({ ...ENV_SOURCE, SUPABASE_URL: url });
    await use({ env: { ...testEnv(), signingKeysUrl }, asked: () => asked });
  } finally {
    await server.shutdown();
  }
}

Deno.test("user() accepts a key that is newer than the worker, and asks for it once", async () => {
  await withProject([{ ...PUBLIC_KEY, kid: "k2" }], async ({ env, asked }) => {
    const token = await signToken({}, { kid: "k2" });
    const calls = [user(bearer(token), env), user(bearer(token), env)];
    assertEquals(await Promise.all(calls), [{ userId: USER_ID }, { userId: USER_ID }]);
    assertEquals(await user(bearer(token), env), { userId: USER_ID });
    assertEquals(asked(), 1);
    const forged = await signToken({}, { forged: true, kid: "k2" });
    assertEquals(await refusal(user(bearer(forged), env)), "unauthorized");
    assertEquals(asked(), 1);
  });
});

Deno.test("user() reads the keys of a project that gave it none", async () => {
  await withProject([PUBLIC_KEY], async ({ env, asked }) => {
    const without = { ...env, supabase: { ...env.supabase, jwks: null } };
    assertEquals(await user(bearer(await signToken()), without), { userId: USER_ID });
    assertEquals(asked(), 1);
  });
});

Deno.test("user() asks once for any number of keys that do not exist", async () => {
  await withProject([PUBLIC_KEY], async ({ env, asked }) => {
    const tokens = Array.from(
      { length: 50 },
      (_, i) => signToken({}, { forged: true, kid: `x${i}` }),
    );
    const outcomes = (await Promise.all(tokens)).map((token) => refusal(user(bearer(token), env)));
    assertEquals(new Set(await Promise.all(outcomes)), new Set(["unauthorized"]));
    assertEquals(asked(), 1);
    assertEquals(await user(bearer(await signToken()), env), { userId: USER_ID });
  });
});

Deno.test("user() asks for no key when a published one cannot have signed the token", async () => {
  await withProject([PUBLIC_KEY], async ({ env, asked }) => {
    const [, payload, signature] = (await signToken()).split(".");
    const header = (fields: unknown) => btoa(JSON.stringify(fields)).replaceAll("=", "");
    const tokens = [
      `${header({ alg: "HS256", kid: "k2" })}.${payload}.${signature}`,
      `${header({ alg: "none", kid: "k2" })}.${payload}.x`,
      `${header({ alg: "ES256" })}.${payload}.${signature}`,
      `${header({ alg: "ES256", kid: 2 })}.${payload}.${signature}`,
      `${header("ES256")}.${payload}.${signature}`,
      await signToken({}, { forged: true }),
      "a.b.c",
      "sb_publishable_x",
    ];
    for (const token of tokens) {
      assertEquals(await refusal(user(bearer(token), env)), "unauthorized", token);
    }
    assertEquals(asked(), 0);
  });
});

Deno.test("secretKey() accepts each of the project's secret keys", async () => {
  for (const apikey of [SECRET_KEY, "sb_secret_other"]) {
    assertEquals(await secretKey(request({ apikey }), testEnv()), null);
  }
});

Deno.test("secretKey() refuses wrong, missing and users' keys", async () => {
  const token = await signToken({ role: "service_role" });
  const requests: Record<string, string>[] = [
    {},
    { apikey: "" },
    { apikey: "sb_secret_" },
    { apikey: `${SECRET_KEY}x` },
    { apikey: SECRET_KEY.slice(0, -1) },
    { apikey: SECRET_KEY.toUpperCase() },
    { apikey: "sb_publishable_x" },
    { apikey: token },
    { authorization: `Bearer ${token}` },
    { authorization: `Bearer ${SECRET_KEY}` },
    { apikey: "cron" },
  ];
  for (const headers of requests) {
    assertEquals(await refusal(secretKey(request(headers), testEnv())), "unauthorized");
  }
});

Deno.test("runOrSecretKey() takes a run's id, a secret key otherwise, and nothing else", async () => {
  const runId = "40000000-0000-4000-8000-00000000000a";
  const admitted: [Record<string, string>, { runId: string } | null][] = [
    [{ "x-run-id": runId }, { runId }],
    [{ "x-run-id": runId.toUpperCase() }, { runId }],
    [{ "x-run-id": runId, apikey: "sb_secret_of_yesterday" }, { runId }],
    [{ apikey: SECRET_KEY }, null],
    [{ "x-run-id": "x", apikey: SECRET_KEY }, null],
  ];
  for (const [headers, caller] of admitted) {
    assertEquals(await runOrSecretKey(request(headers), testEnv()), caller);
  }
  const refused: Record<string, string>[] = [
    {},
    { "x-run-id": "" },
    { "x-run-id": "true" },
    { "x-run-id": `${runId}0` },
    { "x-run-id": "00000000-0000-0000-0000-000000000000" },
    { "x-run-id": "x", apikey: "sb_publishable_x" },
    { authorization: `Bearer ${runId}` },
    { apikey: runId },
  ];
  for (const headers of refused) {
    assertEquals(await refusal(runOrSecretKey(request(headers), testEnv())), "unauthorized");
  }
});

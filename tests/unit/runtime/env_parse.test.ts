import { assertEquals, assertThrows } from "@std/assert/mod.js";
import { AppError } from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import {
  type EnvSource,
  parseEnv,
  requiredSecrets,
} from "../../../supabase/functions/_acontext_sessions/runtime/env.ts";

const MINIMAL: EnvSource = {
  ACONTEXT_API_KEY: "sk-ac-secret",
  SUPABASE_URL: "https://abcdefghijklmnopqrst.supabase.co",
  SUPABASE_SECRET_KEYS: '{"default":"sb_secret_x"}',
};

const ISSUER = "https://abcdefghijklmnopqrst.supabase.co/auth/v1";

function parse(changes: EnvSource = {}) {
  return parseEnv({ ...MINIMAL, ...changes });
}

function refusal(changes: EnvSource): string {
  const error = assertThrows(() => parse(changes), AppError);
  assertEquals([error.code, error.status], ["misconfigured", 500]);
  return error.message;
}

Deno.test("parseEnv() fills in the defaults", () => {
  const env = parse();
  assertEquals(env.acontext, {
    apiKey: "sk-ac-secret",
    baseUrl: "https://api.acontext.app/api/v1",
    timeoutMs: 10_000,
  });
  assertEquals(env.namespace, "abcdefghijklmnopqrst");
  assertEquals(env.cleanupTimeBudgetMs, 100_000);
  assertEquals(env.bodyTimeoutMs, 30_000);
  assertEquals(env.deleteTimeoutMs, 120_000);
  assertEquals(env.worker, { lifetimeMs: 150_000, hosted: false });
  assertEquals(env.supabase, {
    url: "https://abcdefghijklmnopqrst.supabase.co",
    publishableKeys: {},
    secretKeys: { default: "sb_secret_x" },
    jwks: null,
  });
  assertEquals(env.signingKeysUrl, new URL(`${ISSUER}/.well-known/jwks.json`));
  assertEquals(env.issuers, [ISSUER]);
});

Deno.test("parseEnv() takes what is set, without trailing slashes", () => {
  const env = parse({
    ACONTEXT_BASE_URL: "http://127.0.0.1:54323/api/v1//",
    ACONTEXT_TIMEOUT_MS: "250",
    SESSION_NAMESPACE: "staging-2",
    CLEANUP_TIME_BUDGET_MS: "5000",
    BODY_TIMEOUT_MS: "45000",
    ACONTEXT_DELETE_TIMEOUT_MS: "60000",
    WORKER_LIFETIME_MS: "400000",
    SB_EXECUTION_ID: "7d8c",
    SUPABASE_PUBLISHABLE_KEYS: '{"default":"sb_publishable_x"}',
    SUPABASE_JWKS: '{"keys":[{"kty":"EC","kid":"a"}]}',
  });
  assertEquals(env.acontext.baseUrl, "http://127.0.0.1:54323/api/v1");
  assertEquals(env.acontext.timeoutMs, 250);
  assertEquals([env.namespace, env.cleanupTimeBudgetMs], ["staging-2", 5000]);
  assertEquals(env.bodyTimeoutMs, 45_000);
  assertEquals(env.deleteTimeoutMs, 60_000);
  assertEquals(env.worker, { lifetimeMs: 400_000, hosted: true });
  assertEquals(env.supabase.publishableKeys, { default: "sb_publishable_x" });
  assertEquals(env.supabase.jwks, { keys: [{ kty: "EC", kid: "a" }] });
});

Deno.test("parseEnv() reads a bare list of keys as a key set", () => {
  assertEquals(parse({ SUPABASE_JWKS: '[{"kty":"EC"}]' }).supabase.jwks, {
    keys: [{ kty: "EC" }],
  });
});

Deno.test("a missing or empty required variable is named", () => {
  for (const name of ["ACONTEXT_API_KEY", "SUPABASE_URL", "SUPABASE_SECRET_KEYS"] as const) {
    const { [name]: _removed, ...rest } = MINIMAL;
    const message = `Cannot answer: the variable "${name}" is missing`;
    assertEquals(assertThrows(() => parseEnv(rest), AppError).message, message);
    assertEquals(refusal({ [name]: "" }), message);
  }
});

Deno.test("an empty optional variable counts as absent", () => {
  assertEquals(parse({ ACONTEXT_TIMEOUT_MS: "", SESSION_NAMESPACE: "" }), parse());
});

Deno.test("an invalid variable is named, its value is not", () => {
  const cases: EnvSource[] = [
    { ACONTEXT_API_KEY: "two words" },
    { ACONTEXT_API_KEY: "line\nbreak" },
    { ACONTEXT_BASE_URL: "api.acontext.app" },
    { ACONTEXT_BASE_URL: "ftp://x.test" },
    { ACONTEXT_BASE_URL: "https://user:hunter2@x.test" },
    { ACONTEXT_BASE_URL: "https://x.test/api?x=1" },
    { ACONTEXT_TIMEOUT_MS: "99" },
    { ACONTEXT_TIMEOUT_MS: "60001" },
    { ACONTEXT_TIMEOUT_MS: "10s" },
    { ACONTEXT_TIMEOUT_MS: "1e3" },
    { ACONTEXT_TIMEOUT_MS: "-100" },
    { SESSION_NAMESPACE: "Upper" },
    { SESSION_NAMESPACE: "-first" },
    { SESSION_NAMESPACE: "with:colon" },
    { SESSION_NAMESPACE: "x".repeat(64) },
    { CLEANUP_TIME_BUDGET_MS: "soon" },
    { BODY_TIMEOUT_MS: "999" },
    { BODY_TIMEOUT_MS: "60001" },
    { ACONTEXT_DELETE_TIMEOUT_MS: "999" },
    { WORKER_LIFETIME_MS: "400001" },
    { SUPABASE_URL: "project" },
    { SUPABASE_SECRET_KEYS: "sb_secret_x" },
    { SUPABASE_SECRET_KEYS: "{}" },
    { SUPABASE_SECRET_KEYS: '{"default":""}' },
    { SUPABASE_SECRET_KEYS: '{"default":7}' },
    { SUPABASE_JWKS: "nonsense" },
    { SUPABASE_JWKS: '{"keys":"x"}' },
  ];
  for (const changes of cases) {
    const [name, value] = Object.entries(changes)[0] ?? [];
    const message = refusal(changes);
    assertEquals(message, `Cannot answer: the variable "${name}" is invalid`, value);
  }
});

Deno.test("the namespace is the project ref, local on this machine, else it has to be given", () => {
  const cases: [string, string][] = [
    ["https://abc123.supabase.co", "abc123"],
    ["http://127.0.0.1:54321", "local"],
    ["http://127.9.9.9:54321", "local"],
    ["http://localhost:54321", "local"],
    ["http://app.localhost", "local"],
    ["http://[::1]:54321", "local"],
  ];
  for (const [url, namespace] of cases) {
    assertEquals(parse({ SUPABASE_URL: url }).namespace, namespace, url);
  }
  for (
    const url of [
      "http://kong:8000",
      "https://api.one.example.com",
      "https://127.0.0.1.example.com",
      "https://abc.supabase.co.evil.test",
      "http://[2001:db8::1]",
    ]
  ) {
    const error = assertThrows(() => parse({ SUPABASE_URL: url }), AppError);
    assertEquals(
      [error.code, error.message],
      ["misconfigured", 'Cannot answer: the variable "SESSION_NAMESPACE" is missing'],
    );
    assertEquals(parse({ SUPABASE_URL: url, SESSION_NAMESPACE: "mine" }).namespace, "mine");
  }
});

Deno.test("issuers are the addresses under which the project is known", () => {
  const cases: [EnvSource, string[] | null][] = [
    [{ SUPABASE_URL: "http://127.0.0.1:54321" }, [
      "http://127.0.0.1:54321/auth/v1",
      "http://localhost:54321/auth/v1",
    ]],
    [{ SUPABASE_URL: "http://kong:8000", SESSION_NAMESPACE: "docker" }, null],
    [{
      SUPABASE_URL: "http://kong:8000",
      SESSION_NAMESPACE: "docker",
      SUPABASE_PUBLIC_URL: "https://s.example.com/",
    }, [
      "https://s.example.com/auth/v1",
    ]],
    [{ PROJECT_PUBLIC_URL: "https://s.example.com" }, ["https://s.example.com/auth/v1", ISSUER]],
    [{
      PROJECT_PUBLIC_URL: "https://mine.example.com",
      SUPABASE_PUBLIC_URL: "https://s.example.com",
    }, ["https://mine.example.com/auth/v1", ISSUER]],
  ];
  for (const [changes, issuers] of cases) assertEquals(parse(changes).issuers, issuers);
});

Deno.test("signing keys are never read over an open connection", () => {
  const docker = { SUPABASE_URL: "http://kong:8000", SESSION_NAMESPACE: "docker" };
  const cases: [EnvSource, string | null][] = [
    [docker, null],
    [{ ...docker, PROJECT_PUBLIC_URL: "http://s.example.com" }, null],
    [{ ...docker, PROJECT_PUBLIC_URL: "https://s.example.com" }, "https://s.example.com"],
    [{ SUPABASE_URL: "http://localhost:54321" }, "http://localhost:54321"],
    [{ SUPABASE_URL: "https://abc.supabase.co" }, "https://abc.supabase.co"],
  ];
  for (const [changes, base] of cases) {
    assertEquals(
      parse(changes).signingKeysUrl?.href ?? null,
      base && `${base}/auth/v1/.well-known/jwks.json`,
    );
  }
});

Deno.test("the secrets that are needed are those without which the functions are not configured", () => {
  assertEquals(requiredSecrets(), ["ACONTEXT_API_KEY"]);
});

/**
 * The only file that reads the environment. Every variable is checked once, at the first request, so that a missing one
 * is an answer that names it and not a crash.
 *
 * @module
 */
import type { SupabaseEnv } from "@supabase/server";
import * as z from "zod";
import { AppError } from "../core/errors.ts";

export interface Env {
  acontext: { apiKey: string; baseUrl: string; timeoutMs: number };
  /** For one delete in Acontext. */
  deleteTimeoutMs: number;
  /** How long the platform lets a worker live, and whether it is the hosted one, which ends workers. */
  worker: { lifetimeMs: number; hosted: boolean };
  /** Marks what this deployment makes in Acontext. */
  namespace: string;
  cleanupTimeBudgetMs: number;
  /** For the body of a request, as `http/bytes.ts` counts it. */
  bodyTimeoutMs: number;
  /** Its `jwks` are the signing keys that the platform gave this worker when it started; null when it gave none. */
  supabase: SupabaseEnv;
  /** Where the project publishes its signing keys; null where they cannot be read safely. */
  signingKeysUrl: URL | null;
  /** Accepted issuers of access tokens; null where the public address is not known to a function. */
  issuers: string[] | null;
}

/** Values by variable name; an empty text counts as absent. */
export type EnvSource = Partial<Record<Variable, string>>;

export type Variable = keyof typeof variables;

/**
 * The longest time for a call to Acontext. A lease outlives two of them and still is shorter than
 * `provisioning_timeout`.
 */
export const MAX_TIMEOUT_MS = 60_000;
/** As long as any platform lets a worker live. */
const MAX_LIFETIME_MS = 400_000;
/** The longest a run begins new work. Well below the time after which the database takes a silent run for dead. */
export const MAX_TIME_BUDGET_MS = 300_000;

const NAMESPACE = /^[a-z0-9][a-z0-9-]{0,62}$/;
const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

const httpUrl = z.string().refine(isHttpUrl).transform((text) => text.replace(/\/+$/, ""));

const keys = json(z.record(z.string(), z.string().min(1)));

/** Public keys as Supabase Auth publishes them. */
export const keySetSchema = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) });

export type KeySet = z.infer<typeof keySetSchema>;

const keySet = json(z.union([
  keySetSchema,
  z.array(z.looseObject({ kty: z.string() })).transform((list) => ({ keys: list })),
]));

const variables = {
  ACONTEXT_API_KEY: z.string().regex(/^[\x21-\x7e]+$/),
  ACONTEXT_BASE_URL: httpUrl.default("https://api.acontext.app/api/v1"),
  ACONTEXT_TIMEOUT_MS: wholeNumber(100, MAX_TIMEOUT_MS).default(10_000),
  SESSION_NAMESPACE: z.string().regex(NAMESPACE).optional(),
  ACONTEXT_DELETE_TIMEOUT_MS: wholeNumber(1_000, MAX_LIFETIME_MS).default(120_000),
  WORKER_LIFETIME_MS: wholeNumber(10_000, MAX_LIFETIME_MS).default(150_000),
  CLEANUP_TIME_BUDGET_MS: wholeNumber(100, MAX_TIME_BUDGET_MS).default(100_000),
  BODY_TIMEOUT_MS: wholeNumber(1_000, MAX_TIMEOUT_MS).default(30_000),
  /** Set on the hosted platform alone. Source: https://supabase.com/docs/guides/functions/secrets */
  SB_EXECUTION_ID: z.string().optional(),
  PROJECT_PUBLIC_URL: httpUrl.optional(),
  SUPABASE_URL: httpUrl,
  /** Given by self-hosted platforms. Nobody can set it on the hosted one, where names that begin like this are reserved. */
  SUPABASE_PUBLIC_URL: httpUrl.optional(),
  SUPABASE_PUBLISHABLE_KEYS: keys.default({}),
  SUPABASE_SECRET_KEYS: keys.refine((byName) => Object.keys(byName).length > 0),
  SUPABASE_JWKS: keySet.optional(),
};

const schema = z.object(variables);

/** Variables that have to be set among the function secrets; those of the platform are there by themselves. */
export function requiredSecrets(): string[] {
  return Object.entries(variables)
    .filter(([name, type]) => !/^(SUPABASE|SB)_/.test(name) && !type.safeParse(undefined).success)
    .map(([name]) => name);
}

let cached: Env | undefined;

/** The environment of this worker. Throws `misconfigured`, and tries again next time, when a variable is wrong. */
export function readEnv(): Env {
  if (cached !== undefined) return cached;
  const source: Record<string, string> = {};
  for (const name of Object.keys(variables)) {
    const value = Deno.env.get(name);
    if (value !== undefined) source[name] = value;
  }
  return cached = parseEnv(source);
}

/** Checks `source` as if it were the environment. Throws `misconfigured`, naming the variable but never its value. */
export function parseEnv(source: EnvSource): Env {
  const present = Object.entries(source).filter(([, value]) => value !== undefined && value !== "");
  const result = schema.safeParse(Object.fromEntries(present));
  if (!result.success) {
    const name = String(result.error.issues[0]?.path[0]);
    const problem = present.some(([key]) => key === name) ? "invalid" : "missing";
    throw misconfigured(name, problem);
  }
  const values = result.data;
  const url = new URL(values.SUPABASE_URL);
  const publicUrl = values.PROJECT_PUBLIC_URL ?? values.SUPABASE_PUBLIC_URL;
  return {
    acontext: {
      apiKey: values.ACONTEXT_API_KEY,
      baseUrl: values.ACONTEXT_BASE_URL,
      timeoutMs: values.ACONTEXT_TIMEOUT_MS,
    },
    deleteTimeoutMs: values.ACONTEXT_DELETE_TIMEOUT_MS,
    worker: {
      lifetimeMs: values.WORKER_LIFETIME_MS,
      hosted: values.SB_EXECUTION_ID !== undefined,
    },
    namespace: values.SESSION_NAMESPACE ?? defaultNamespace(url),
    cleanupTimeBudgetMs: values.CLEANUP_TIME_BUDGET_MS,
    bodyTimeoutMs: values.BODY_TIMEOUT_MS,
    supabase: {
      url: values.SUPABASE_URL,
      publishableKeys: values.SUPABASE_PUBLISHABLE_KEYS,
      secretKeys: values.SUPABASE_SECRET_KEYS,
      jwks: values.SUPABASE_JWKS ?? null,
    },
    signingKeysUrl: signingKeysUrl(publicUrl ?? values.SUPABASE_URL),
    issuers: acceptedIssuers(url, publicUrl),
  };
}

export function misconfigured(variable: string, problem: "missing" | "invalid"): AppError {
  return new AppError("misconfigured", {
    message: `Cannot answer: the variable "${variable}" is ${problem}`,
    hint: `Set "${variable}" among the function secrets`,
  });
}

/**
 * The project ref on the hosted platform, `local` on this machine. Anywhere else no name is safe to guess: two
 * deployments with one name would take each other's resources for their own.
 */
function defaultNamespace(url: URL): string {
  if (LOOPBACK.test(url.hostname)) return "local";
  const ref = /^([a-z0-9]+)\.supabase\.co$/.exec(url.hostname)?.[1];
  if (ref === undefined) throw misconfigured("SESSION_NAMESPACE", "missing");
  return ref;
}

/**
 * Supabase Auth names itself `<project URL>/auth/v1`. Under Docker `SUPABASE_URL` is the address inside the network
 * (`http://kong:8000`), which no token carries: there the signature, checked against the project's own keys, has to
 * suffice.
 */
function acceptedIssuers(url: URL, publicUrl: string | undefined): string[] | null {
  const issuers = publicUrl === undefined ? [] : [`${publicUrl}/auth/v1`];
  if (LOOPBACK.test(url.hostname)) {
    const port = url.port === "" ? "" : `:${url.port}`;
    for (const host of new Set([url.hostname, "127.0.0.1", "localhost"])) {
      issuers.push(`${url.protocol}//${host}${port}/auth/v1`);
    }
  } else if (url.protocol === "https:") {
    issuers.push(`${url.href.replace(/\/+$/, "")}/auth/v1`);
  }
  return issuers.length === 0 ? null : issuers;
}

/** Keys read over an open connection could be anybody's, so plain http is for this machine only. */
function signingKeysUrl(baseUrl: string): URL | null {
  const url = new URL(`${baseUrl}/auth/v1/.well-known/jwks.json`);
  return url.protocol === "https:" || LOOPBACK.test(url.hostname) ? url : null;
}

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (url.protocol === "https:" || url.protocol === "http:") && url.search === "" &&
    url.hash === "" && url.username === "" && url.password === "";
}

function wholeNumber(min: number, max: number) {
  return z.string().regex(/^\d{1,9}$/).transform(Number).refine((n) => n >= min && n <= max);
}

function json<Schema extends z.ZodType>(inner: Schema) {
  return z.string().transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: "custom", message: "is not JSON" });
      return z.NEVER;
    }
  }).pipe(inner);
}

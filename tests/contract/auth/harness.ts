/**
 * One suite, two servers: the Auth stand-in behind the gateway, or a real Auth server when these variables are set:
 * `PLATFORM_CONTRACT_AUTH_URL`, `…_PUBLISHABLE_KEY` and `…_SECRET_KEY`, and `…_CLOSED_AUTH_URL` for one on which
 * anonymous sign-ins are off. It must confirm e-mail addresses by itself and count by `X-Forwarded-For`. Users that a
 * test makes are removed afterwards, also when it fails.
 *
 * @module
 */

import { decodeJwt } from "jose";
import { z } from "zod";
import { createAuthService } from "../../../local/auth/service.ts";
import { startGateway } from "../../../local/gateway/server.ts";
import { type StandInDatabase, standInDatabase } from "../platform/stand_in_database.ts";

const REAL = {
  url: Deno.env.get("PLATFORM_CONTRACT_AUTH_URL"),
  closedUrl: Deno.env.get("PLATFORM_CONTRACT_CLOSED_AUTH_URL"),
  publishableKey: Deno.env.get("PLATFORM_CONTRACT_PUBLISHABLE_KEY"),
  secretKey: Deno.env.get("PLATFORM_CONTRACT_SECRET_KEY"),
};

interface Servers {
  url: string;
  /** The same, but without anonymous sign-ins. */
  closedUrl: string;
  publishableKey: string;
  secretKey: string;
  stop(): Promise<void>;
}

const anything = z.looseObject({});
const userSchema = z.looseObject({
  id: z.string(),
  email: z.string(),
  is_anonymous: z.boolean(),
  user_metadata: z.record(z.string(), z.unknown()),
  app_metadata: z.record(z.string(), z.unknown()),
  identities: z.array(z.looseObject({ provider: z.string() })),
  deleted_at: z.string().optional(),
  banned_until: z.string().optional(),
});
const sessionSchema = z.object({
  access_token: z.string(),
  refresh_token: z.string(),
  expires_in: z.number(),
  user: userSchema,
});
const claimsSchema = z.looseObject({
  sub: z.string(),
  session_id: z.string(),
  is_anonymous: z.boolean(),
  amr: z.array(z.strictObject({ method: z.string(), timestamp: z.number() })),
  user_metadata: z.record(z.string(), z.unknown()),
  app_metadata: z.record(z.string(), z.unknown()),
});

export type Session = z.infer<typeof sessionSchema>;

export interface Answer {
  status: number;
  body: z.infer<typeof anything>;
}

export interface Auth {
  /** `token` stands in `Authorization`; without one the publishable key does. */
  call(
    method: string,
    path: string,
    options?: { json?: unknown; token?: string; address?: string; closed?: boolean },
  ): Promise<Answer>;
  /** The same with the secret key. */
  admin(method: string, path: string, json?: unknown): Promise<Answer>;
  signUp(fields?: Record<string, unknown>): Promise<Session>;
  refresh(refreshToken: string): Promise<Answer>;
  signIn(email: string, password: string): Promise<Answer>;
}

export const PASSWORD = "correct horse";

export function freshEmail(): string {
  return `${crypto.randomUUID()}@example.com`;
}

/** An address that no other test has. */
export function freshAddress(): string {
  return `10.${[...crypto.getRandomValues(new Uint8Array(3))].join(".")}`;
}

export function sessionOf({ status, body }: Answer): Session {
  if (status !== 200) throw new Error(`Cannot sign in: ${status} ${JSON.stringify(body)}`);
  return sessionSchema.parse(body);
}

export function userOf({ status, body }: Answer): z.infer<typeof userSchema> {
  if (status !== 200) throw new Error(`Cannot get the user: ${status} ${JSON.stringify(body)}`);
  return userSchema.parse(body);
}

export function claimsOf({ access_token }: Session): z.infer<typeof claimsSchema> {
  return claimsSchema.parse(decodeJwt(access_token));
}

/** Status, code and text of a refusal. */
export function refusalOf({ status, body }: Answer): [number, unknown, unknown] {
  return [status, body["error_code"], body["msg"]];
}

function startAuth(database: StandInDatabase, enableAnonymousSignIns: boolean) {
  const log = () => {};
  const gateway = startGateway({ port: 0, keys: database.keys, log });
  const auth = createAuthService({
    databaseUrl: database.authUrl,
    keys: database.keys,
    issuer: `${gateway.url}/auth/v1`,
    config: {
      jwtExpiry: 3_600,
      enableSignup: true,
      enableAnonymousSignIns,
      minimumPasswordLength: 6,
      refreshTokenReuseInterval: 10,
      anonymousSignInsPerHour: 30,
    },
    log,
  });
  gateway.connect({ auth, postgrestUrl: "", functions: new Map() });
  return {
    url: `${gateway.url}/auth/v1`,
    async stop() {
      await gateway.stop();
      await auth.stop();
    },
  };
}

async function startServers(): Promise<Servers> {
  const { url, closedUrl, publishableKey, secretKey } = REAL;
  if (url && closedUrl && publishableKey && secretKey) {
    return { url, closedUrl, publishableKey, secretKey, stop: () => Promise.resolve() };
  }
  const database = await standInDatabase();
  const [open, closed] = [startAuth(database, true), startAuth(database, false)];
  return {
    url: open.url,
    closedUrl: closed.url,
    publishableKey: database.keys.publishableKey,
    secretKey: database.keys.secretKey,
    async stop() {
      await Promise.all([open.stop(), closed.stop()]);
      await database.stop();
    },
  };
}

/** Starts the servers for all tests of the calling file, and answers what makes one of them. */
export function shareAuth(): (name: string, test: (auth: Auth) => Promise<void>) => void {
  let servers: Servers | undefined;
  Deno.test.beforeAll(async () => {
    servers = await startServers();
  });
  Deno.test.afterAll(() => servers?.stop());

  function createAuth({ url, closedUrl, publishableKey, secretKey }: Servers) {
    const made = new Set<string>();
    const auth: Auth = {
      async call(method, path, { json, token, address = freshAddress(), closed = false } = {}) {
        const admin = token === secretKey;
        const response = await fetch(`${closed ? closedUrl : url}${path}`, {
          method,
          headers: {
            apikey: admin ? secretKey : publishableKey,
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
            "x-forwarded-for": address,
            ...(json === undefined ? {} : { "content-type": "application/json" }),
          },
          ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        });
        const text = await response.text();
        const body = anything.parse(text.startsWith("{") ? JSON.parse(text) : {});
        const user = z.object({ id: z.string() }).safeParse(body["user"] ?? body);
        if (method === "POST" && user.success) made.add(user.data.id);
        return { status: response.status, body };
      },
      admin: (method, path, json) => auth.call(method, path, { json, token: secretKey }),
      signUp: async (fields = {}) =>
        sessionOf(await auth.call("POST", "/signup", { json: fields })),
      refresh: (refresh_token) =>
        auth.call("POST", "/token?grant_type=refresh_token", { json: { refresh_token } }),
      signIn: (email, password) =>
        auth.call("POST", "/token?grant_type=password", { json: { email, password } }),
    };
    async function cleanUp() {
      for (const id of made) await auth.admin("DELETE", `/admin/users/${id}`);
    }
    return { auth, cleanUp };
  }

  return (name, test) =>
    Deno.test({
      name,
      sanitizeOps: false,
      sanitizeResources: false,
      async fn() {
        if (servers === undefined) throw new Error("Cannot test: no server has started");
        const { auth, cleanUp } = createAuth(servers);
        try {
          await test(auth);
        } finally {
          await cleanUp();
        }
      },
    });
}

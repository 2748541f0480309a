/**
 * The auth stand-in: the routes of the platform's Auth server that an app with passwords and anonymous users needs.
 *
 * @module
 */

import type { JWTPayload } from "jose";
import { z } from "zod";
import type { Keys } from "../keys.ts";
import { connect } from "../postgres/connect.ts";
import type { AuthConfig } from "../project_config.ts";
import { bannedUntil } from "./ban_duration.ts";
import { AuthError } from "./errors.ts";
import { createRateLimit } from "./rate_limit.ts";
import { createSessions } from "./sessions.ts";
import { createUsers, isBanned, presentUser, type UserRow } from "./users.ts";

/** Who calls, as the gateway found out. */
export interface Caller {
  /** The token in `Authorization`, unless it is an API key. */
  bearer: string | null;
  /** What the API key stands for. */
  keyRole: "anon" | "service_role";
}

/** The stand-in. */
export interface AuthService {
  /** Answers a request; `path` is relative to `/auth/v1`. */
  handle(request: Request, path: string, caller: Caller): Promise<Response>;
  /** Signs a user in, making it first when needed. For the line `npm start` prints. */
  ensureUser(
    email: string,
    password: string,
    tokenLifetime: number,
  ): Promise<{ id: string; accessToken: string }>;
  stop(): Promise<void>;
}

const json = z.record(z.string(), z.json());
const credentials = z.object({
  email: z.string().optional(),
  password: z.string().optional(),
  data: json.optional(),
});
const refresh = z.object({ refresh_token: z.string() });
const adminUser = z.object({
  id: z.uuid().optional(),
  email: z.string().optional(),
  password: z.string().optional(),
  user_metadata: json.optional(),
  app_metadata: json.optional(),
  email_confirm: z.boolean().optional(),
  ban_duration: z.string().optional(),
});
const deletion = z.object({ should_soft_delete: z.boolean().default(false) });
const uuid = z.uuid();

async function readBody<T>(request: Request, schema: z.ZodType<T>): Promise<T> {
  const text = await request.text();
  let value: unknown;
  try {
    value = text === "" ? {} : JSON.parse(text);
  } catch {
    throw new AuthError("bad_json");
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new AuthError("validation_failed", z.prettifyError(parsed.error));
  return parsed.data;
}

/** Where the request comes from, as far as anybody says. */
function addressOf(request: Request): string {
  return request.headers.get("x-forwarded-for")?.split(",")[0]?.trim() || "127.0.0.1";
}

/** Starts the stand-in. `databaseUrl` is that of role `supabase_auth_admin`. */
export function createAuthService(options: {
  databaseUrl: string;
  keys: Keys;
  issuer: string;
  config: AuthConfig;
  log: (line: string) => void;
}): AuthService {
  const { keys, config } = options;
  const sql = connect(options.databaseUrl, { max: 5, name: "auth" });
  const users = createUsers(sql, config);
  const anonymousSignIns = createRateLimit(config.anonymousSignInsPerHour);
  const sessions = createSessions(sql, users, {
    keys,
    issuer: options.issuer,
    jwtExpiry: config.jwtExpiry,
    reuseInterval: config.refreshTokenReuseInterval,
  });

  async function claimsOf(caller: Caller): Promise<JWTPayload> {
    if (caller.bearer === null) throw new AuthError("no_authorization");
    try {
      return await keys.verify(caller.bearer);
    } catch {
      throw new AuthError("bad_jwt");
    }
  }

  async function currentUser(caller: Caller): Promise<{ user: UserRow; sessionId: string }> {
    const claims = await claimsOf(caller);
    const sessionId = claims["session_id"];
    if (claims.sub === undefined || !uuid.safeParse(claims.sub).success) {
      throw new AuthError("bad_jwt", "invalid claim: missing sub claim");
    }
    if (typeof sessionId !== "string" || !await sessions.exists(sessionId)) {
      throw new AuthError("session_not_found");
    }
    const user = await users.find(claims.sub);
    if (user === null) throw new AuthError("user_not_found");
    if (isBanned(user)) throw new AuthError("user_banned", "User is banned", {}, 403);
    return { user, sessionId };
  }

  async function requireAdmin(caller: Caller) {
    const role = caller.bearer === null ? caller.keyRole : (await claimsOf(caller))["role"];
    if (role !== "service_role") throw new AuthError("not_admin");
  }

  async function signUp(request: Request) {
    const body = await readBody(request, credentials);
    if (!config.enableSignup) throw new AuthError("signup_disabled");
    if (!body.email) {
      if (!config.enableAnonymousSignIns) throw new AuthError("anonymous_provider_disabled");
      if (!anonymousSignIns.take(addressOf(request))) {
        throw new AuthError("over_request_rate_limit");
      }
      const user = await users.create(
        { userMetadata: body.data },
        { signsUp: true, duplicate: "user_already_exists" },
      );
      return await sessions.open(user, "anonymous");
    }
    if (!body.password) {
      throw new AuthError("validation_failed", "Signup requires a valid password");
    }
    const user = await users.create(
      { email: body.email, password: body.password, userMetadata: body.data },
      { signsUp: true, duplicate: "user_already_exists" },
    );
    return await sessions.open(user, "password");
  }

  async function token(request: Request, url: URL) {
    const grant = url.searchParams.get("grant_type");
    if (grant === "refresh_token") {
      return await sessions.refresh((await readBody(request, refresh)).refresh_token);
    }
    if (grant === "password") {
      const { email, password } = await readBody(request, credentials);
      if (!email || !password) throw new AuthError("invalid_credentials");
      return await sessions.open(await users.authenticate(email, password), "password");
    }
    throw new AuthError("validation_failed", `unsupported_grant_type: ${grant}`);
  }

  async function logOut(url: URL, caller: Caller) {
    const { user, sessionId } = await currentUser(caller);
    const scope = z.enum(["local", "others", "global"]).safeParse(url.searchParams.get("scope"));
    await sessions.close(user.id, sessionId, scope.success ? scope.data : "global");
    return new Response(null, { status: 204 });
  }

  async function admin(request: Request, url: URL, id: string | undefined) {
    if (id === undefined) {
      if (request.method === "POST") {
        const body = await readBody(request, adminUser);
        if (!body.email) {
          throw new AuthError(
            "validation_failed",
            "Cannot create a user without either an email or phone",
          );
        }
        const user = await users.create({
          id: body.id,
          email: body.email,
          password: body.password,
          userMetadata: body.user_metadata,
          appMetadata: body.app_metadata,
          bannedUntil: bannedUntil(body.ban_duration),
        }, { confirmed: body.email_confirm === true, duplicate: "email_exists" });
        return presentUser(user);
      }
      const page = Math.max(1, Number(url.searchParams.get("page")) || 1);
      const perPage = Math.min(1_000, Math.max(1, Number(url.searchParams.get("per_page")) || 50));
      const { users: list, total } = await users.list(page, perPage);
      const last = Math.max(1, Math.ceil(total / perPage));
      const link = (target: number, rel: string) =>
        `<${url.pathname}?page=${target}&per_page=${perPage}>; rel="${rel}"`;
      const links = [...(page < last ? [link(page + 1, "next")] : []), link(last, "last")];
      return Response.json({ users: list.map(presentUser), aud: "authenticated" }, {
        headers: { "x-total-count": String(total), link: links.join(", ") },
      });
    }
    if (!uuid.safeParse(id).success) {
      throw new AuthError("validation_failed", "user_id must be an UUID");
    }
    if (request.method === "DELETE") {
      const { should_soft_delete } = await readBody(request, deletion);
      if (should_soft_delete) await users.deleteSoftly(id);
      else await users.delete(id);
      return {};
    }
    if (request.method === "PUT") {
      const body = await readBody(request, adminUser);
      return presentUser(
        await users.update(id, {
          email: body.email,
          password: body.password,
          userMetadata: body.user_metadata,
          appMetadata: body.app_metadata,
          bannedUntil: bannedUntil(body.ban_duration),
        }),
      );
    }
    const user = await users.find(id);
    if (user === null) throw new AuthError("user_not_found");
    return presentUser(user);
  }

  async function route(request: Request, path: string, caller: Caller): Promise<unknown> {
    const url = new URL(request.url);
    const adminId = /^\/admin\/users(?:\/([^/]+))?\/?$/.exec(path);
    if (adminId !== null && ["GET", "POST", "PUT", "DELETE"].includes(request.method)) {
      await requireAdmin(caller);
      return await admin(request, url, adminId[1]);
    }
    switch (`${request.method} ${path}`) {
      case "GET /.well-known/jwks.json":
        return Response.json(keys.jwks, { headers: { "cache-control": "public, max-age=600" } });
      case "GET /health":
        return { name: "auth stand-in", version: "local" };
      case "GET /settings":
        return {
          external: { email: true, phone: false, anonymous_users: config.enableAnonymousSignIns },
          disable_signup: !config.enableSignup,
          mailer_autoconfirm: true,
        };
      case "POST /signup":
        return await signUp(request);
      case "POST /token":
        return await token(request, url);
      case "POST /logout":
        return await logOut(url, caller);
      case "GET /user":
        return presentUser((await currentUser(caller)).user);
      case "PUT /user": {
        const { user } = await currentUser(caller);
        const body = await readBody(request, credentials);
        return presentUser(
          await users.update(user.id, {
            email: body.email,
            password: body.password,
            userMetadata: body.data,
          }),
        );
      }
      default:
        throw new AuthError("not_found");
    }
  }

  return {
    async handle(request, path, caller) {
      try {
        const answer = await route(request, path, caller);
        return answer instanceof Response ? answer : Response.json(answer);
      } catch (error) {
        if (error instanceof AuthError) return error.toResponse();
        options.log(`[auth] ${request.method} ${path}: ${error}`);
        return new AuthError("unexpected_failure").toResponse();
      }
    },
    async ensureUser(email, password, tokenLifetime) {
      const user = await users.authenticate(email, password).catch(async (error) => {
        if (!(error instanceof AuthError)) throw error;
        return await users.create(
          { email, password },
          { signsUp: true, duplicate: "user_already_exists" },
        );
      });
      const session = await sessions.open(user, "password", tokenLifetime);
      return { id: user.id, accessToken: session.access_token };
    },
    async stop() {
      await sql.end({ timeout: 1 });
    },
  };
}

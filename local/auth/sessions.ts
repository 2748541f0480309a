/**
 * Signed-in sessions: access tokens, and refresh tokens that rotate.
 *
 * @module
 */

import type postgres from "postgres";
import type { Keys } from "../keys.ts";
import { AuthError } from "./errors.ts";
import { isBanned, presentUser, type UserRow, type Users } from "./users.ts";

/** Settings of sessions. */
export interface SessionOptions {
  keys: Keys;
  /** `iss` of the tokens: the public URL of the auth API. */
  issuer: string;
  /** Lifetime of an access token in seconds. */
  jwtExpiry: number;
  /** For this many seconds a used refresh token is answered like the first time (a lost answer, two tabs). */
  reuseInterval: number;
}

/** How, and when in seconds, a user signed in. */
interface AmrEntry {
  method: string;
  timestamp: number;
}

/** Sessions of all users. */
export type Sessions = ReturnType<typeof createSessions>;

/** Sessions over a connection of role `supabase_auth_admin`. */
export function createSessions(sql: postgres.Sql, users: Users, options: SessionOptions) {
  /** Twelve small letters and digits. */
  const newToken = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => (byte % 36).toString(36))
      .join("");

  async function present(
    user: UserRow,
    session: { id: string; refreshToken: string; amr: AmrEntry[] },
    lifetime = options.jwtExpiry,
  ) {
    const now = Math.floor(Date.now() / 1_000);
    const accessToken = await options.keys.sign({
      iss: options.issuer,
      sub: user.id,
      aud: user.aud,
      iat: now,
      exp: now + lifetime,
      email: user.email ?? "",
      phone: user.phone ?? "",
      app_metadata: user.raw_app_meta_data,
      user_metadata: user.raw_user_meta_data,
      role: user.role,
      aal: "aal1",
      amr: session.amr,
      session_id: session.id,
      is_anonymous: user.is_anonymous,
    });
    return {
      access_token: accessToken,
      token_type: "bearer",
      expires_in: lifetime,
      expires_at: now + lifetime,
      refresh_token: session.refreshToken,
      user: presentUser(user),
    };
  }

  async function addRefreshToken(
    tx: postgres.TransactionSql,
    sessionId: string,
    userId: string,
    parent: string | null,
  ): Promise<string> {
    const token = newToken();
    await tx`
      insert into auth.refresh_tokens (token, user_id, revoked, created_at, updated_at, parent, session_id)
      values (${token}, ${userId}, false, now(), now(), ${parent}, ${sessionId})`;
    return token;
  }

  /** How the session was opened, whatever has become of the user since. */
  async function amrOf(sessionId: string): Promise<AmrEntry[]> {
    return await sql<AmrEntry[]>`
      select authentication_method as method, floor(extract(epoch from created_at))::float8 as timestamp
      from auth.mfa_amr_claims where session_id = ${sessionId}`.then((rows) => [...rows]);
  }

  return {
    /** Opens a session. `lifetime` is that of the access token, in seconds. */
    async open(user: UserRow, method: "password" | "anonymous", lifetime?: number) {
      const id = crypto.randomUUID();
      const refreshToken = await sql.begin(async (tx) => {
        await tx`
          insert into auth.sessions (id, user_id, created_at, updated_at, aal)
          values (${id}, ${user.id}, now(), now(), 'aal1')`;
        await tx`
          insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
          values (${crypto.randomUUID()}, ${id}, now(), now(), ${method})`;
        await tx`update auth.users set last_sign_in_at = now() where id = ${user.id}`;
        return await addRefreshToken(tx, id, user.id, null);
      });
      return await present(
        { ...user, last_sign_in_at: new Date() },
        { id, refreshToken, amr: await amrOf(id) },
        lifetime,
      );
    },

    /** Exchanges a refresh token for a new pair. One that was used before ends the whole session. */
    async refresh(token: string) {
      if (token.length < 12) throw new AuthError("validation_failed", "Refresh token is not valid");
      const outcome = await sql.begin(async (tx) => {
        const [row] = await tx<
          { session_id: string; user_id: string; revoked: boolean; age: number }[]
        >`
          select session_id, user_id, revoked, extract(epoch from now() - updated_at)::float8 as age
          from auth.refresh_tokens where token = ${token} for update`;
        if (row === undefined) return new AuthError("refresh_token_not_found");
        const owner = await users.find(row.user_id);
        if (owner !== null && isBanned(owner)) {
          return new AuthError("user_banned", "Invalid Refresh Token: User Banned");
        }
        if (row.revoked) {
          const [successor] = await tx<{ token: string }[]>`
            select token from auth.refresh_tokens where parent = ${token} and not revoked`;
          if (row.age <= options.reuseInterval && successor !== undefined) {
            return { ...row, next: successor.token };
          }
          await tx`
            update auth.refresh_tokens set revoked = true, updated_at = now()
            where session_id = ${row.session_id} and not revoked`;
          return new AuthError("refresh_token_already_used");
        }
        await tx`update auth.refresh_tokens set revoked = true, updated_at = now() where token = ${token}`;
        await tx`
          update auth.sessions set refreshed_at = now(), updated_at = now() where id = ${row.session_id}`;
        return { ...row, next: await addRefreshToken(tx, row.session_id, row.user_id, token) };
      });
      if (outcome instanceof AuthError) throw outcome;
      const user = await users.find(outcome.user_id);
      if (user === null) throw new AuthError("refresh_token_not_found");
      return await present(user, {
        id: outcome.session_id,
        refreshToken: outcome.next,
        amr: await amrOf(outcome.session_id),
      });
    },

    async exists(sessionId: string): Promise<boolean> {
      const rows = await sql`select from auth.sessions where id = ${sessionId}`;
      return rows.length > 0;
    },

    /** Ends this session, the user's other ones, or all. */
    async close(userId: string, sessionId: string, scope: "local" | "others" | "global") {
      if (scope === "local") await sql`delete from auth.sessions where id = ${sessionId}`;
      else if (scope === "global") await sql`delete from auth.sessions where user_id = ${userId}`;
      else {
        await sql`delete from auth.sessions where user_id = ${userId} and id <> ${sessionId}`;
      }
    },
  };
}

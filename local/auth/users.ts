/**
 * Users as the auth stand-in keeps them in `auth.users`.
 *
 * @module
 */

import postgres from "postgres";
import { AuthError } from "./errors.ts";

type JsonObject = Record<string, postgres.JSONValue>;

/** A row of `auth.users`, as far as the stand-in uses it. */
export interface UserRow {
  id: string;
  aud: string;
  role: string;
  email: string | null;
  phone: string | null;
  email_confirmed_at: Date | null;
  last_sign_in_at: Date | null;
  raw_app_meta_data: JsonObject;
  raw_user_meta_data: JsonObject;
  is_anonymous: boolean;
  created_at: Date;
  updated_at: Date;
  banned_until: Date | null;
  deleted_at: Date | null;
}

/** What can be set on a user. */
export interface UserFields {
  id?: string | undefined;
  email?: string | undefined;
  password?: string | undefined;
  userMetadata?: JsonObject | undefined;
  appMetadata?: JsonObject | undefined;
  /** Null ends a ban, undefined leaves it as it is. */
  bannedUntil?: Date | null | undefined;
}

/** Access to users; every call is one statement or one transaction. */
export type Users = ReturnType<typeof createUsers>;

/** Users over a connection of role `supabase_auth_admin`. */
export function createUsers(sql: postgres.Sql, options: { minimumPasswordLength: number }) {
  const columns = sql`
    id, aud, role, email, phone, email_confirmed_at, last_sign_in_at, raw_app_meta_data, raw_user_meta_data,
    is_anonymous, created_at, updated_at, banned_until, deleted_at`;

  function checkEmail(email: string): string {
    const address = email.trim().toLowerCase();
    if (!/^[^\s@]+@[^\s@]+$/.test(address)) {
      throw new AuthError(
        "validation_failed",
        "Unable to validate email address: invalid format",
      );
    }
    return address;
  }

  function checkPassword(password: string) {
    const minimum = options.minimumPasswordLength;
    if (password.length < minimum) {
      throw new AuthError(
        "weak_password",
        `Password should be at least ${minimum} characters.`,
        { weak_password: { reasons: ["length"] } },
      );
    }
    if (new TextEncoder().encode(password).length > 72) {
      throw new AuthError("validation_failed", "Password cannot be longer than 72 characters");
    }
  }

  const hash = (password: string) =>
    sql`extensions.crypt(${password}, extensions.gen_salt('bf', 8))`;

  async function addIdentity(tx: postgres.TransactionSql, id: string, data: JsonObject) {
    await tx`
      insert into auth.identities (
        provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
      values (${id}, ${id}, ${tx.json(data)}, 'email', now(), now(), now())
      on conflict (provider_id, provider) do update
      set identity_data = excluded.identity_data, updated_at = now()`;
  }

  return {
    /**
     * Makes a user; without an email an anonymous one. Who signs up is confirmed, and has the identity's data in the
     * metadata; whom an admin makes, only when that is asked for. `duplicate` is the code for an email that is taken.
     */
    async create(
      fields: UserFields,
      { signsUp = false, confirmed = signsUp, duplicate }: {
        signsUp?: boolean;
        confirmed?: boolean;
        duplicate: "user_already_exists" | "email_exists";
      },
    ): Promise<UserRow> {
      const id = fields.id ?? crypto.randomUUID();
      const email = fields.email === undefined ? null : checkEmail(fields.email);
      if (fields.password !== undefined) checkPassword(fields.password);
      const provider: JsonObject = email === null
        ? {}
        : { provider: "email", providers: ["email"] };
      const appMetadata = sql.json({ ...provider, ...fields.appMetadata });
      const identity: JsonObject = { sub: id, email, email_verified: false, phone_verified: false };
      const userMetadata = sql.json({
        ...fields.userMetadata,
        ...(signsUp && email !== null ? identity : {}),
        ...(confirmed && email !== null ? { email_verified: true } : {}),
      });
      try {
        return await sql.begin(async (tx) => {
          const [user] = await tx<UserRow[]>`
            insert into auth.users (
              instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data,
              raw_user_meta_data, is_anonymous, created_at, updated_at, banned_until)
            values (
              '00000000-0000-0000-0000-000000000000', ${id}, 'authenticated', 'authenticated', ${email},
              ${fields.password === undefined ? null : hash(fields.password)},
              ${
            confirmed && email !== null ? sql`now()` : null
          }, ${appMetadata}, ${userMetadata}, ${email === null}, now(), now(), ${
            fields.bannedUntil ?? null
          })
            returning ${columns}`;
          if (user === undefined) throw new AuthError("unexpected_failure");
          if (email !== null) {
            await addIdentity(tx, id, identity);
          }
          return user;
        });
      } catch (error) {
        if (error instanceof postgres.PostgresError && error.code === "23505") {
          throw new AuthError(duplicate);
        }
        throw error;
      }
    },

    async find(id: string): Promise<UserRow | null> {
      const [user] = await sql<UserRow[]>`select ${columns} from auth.users where id = ${id}`;
      return user ?? null;
    },

    /**
     * Who has this password.
     *
     * @throws {AuthError} when nobody has, when the user is banned, whatever the password, or is not confirmed.
     */
    async authenticate(email: string, password: string): Promise<UserRow> {
      const [found] = await sql<(UserRow & { matches: boolean | null })[]>`
        select ${columns}, encrypted_password = extensions.crypt(${password}, encrypted_password) as matches
        from auth.users
        where email = ${email.trim().toLowerCase()} and deleted_at is null`;
      if (found === undefined) throw new AuthError("invalid_credentials");
      const { matches, ...user } = found;
      if (isBanned(user)) throw new AuthError("user_banned");
      if (matches !== true) throw new AuthError("invalid_credentials");
      if (user.email_confirmed_at === null) throw new AuthError("email_not_confirmed");
      return user;
    },

    async list(page: number, perPage: number): Promise<{ users: UserRow[]; total: number }> {
      const users = await sql<UserRow[]>`
        select ${columns} from auth.users order by created_at desc, id
        limit ${perPage} offset ${(page - 1) * perPage}`;
      const [row] = await sql<{ total: number }[]>`select count(*)::int as total from auth.users`;
      return { users, total: row?.total ?? 0 };
    },

    async update(id: string, fields: UserFields): Promise<UserRow> {
      const email = fields.email === undefined ? null : checkEmail(fields.email);
      if (fields.password !== undefined) checkPassword(fields.password);
      const metadata = {
        ...fields.userMetadata,
        ...(email === null ? {} : { email_verified: true }),
      };
      try {
        return await sql.begin(async (tx) => {
          const [user] = await tx<UserRow[]>`
            update auth.users set
              email = coalesce(${email}, email),
              email_confirmed_at =
                case when ${email}::text is null then email_confirmed_at else now() end,
              is_anonymous = is_anonymous and ${email}::text is null,
              encrypted_password = ${
            fields.password === undefined ? tx`encrypted_password` : hash(fields.password)
          },
              raw_user_meta_data = raw_user_meta_data || ${tx.json(metadata)},
              raw_app_meta_data = raw_app_meta_data || ${tx.json(fields.appMetadata ?? {})},
              banned_until = ${
            fields.bannedUntil === undefined ? tx`banned_until` : fields.bannedUntil
          },
              updated_at = now()
            where id = ${id}
            returning ${columns}`;
          if (user === undefined) throw new AuthError("user_not_found");
          if (email !== null) {
            const data = { sub: id, email, email_verified: true, phone_verified: false };
            await addIdentity(tx, id, data);
          }
          return user;
        });
      } catch (error) {
        if (error instanceof postgres.PostgresError && error.code === "23505") {
          throw new AuthError("email_exists");
        }
        throw error;
      }
    },

    /** Deletes the row itself, as the platform does, so that foreign keys and triggers of the project take part. */
    async delete(id: string): Promise<UserRow> {
      const [user] = await sql<
        UserRow[]
      >`delete from auth.users where id = ${id} returning ${columns}`;
      if (user === undefined) throw new AuthError("user_not_found");
      return user;
    },

    /** Keeps the row, but nothing by which the user could be known, and ends all sessions. */
    async deleteSoftly(id: string): Promise<void> {
      await sql.begin(async (tx) => {
        // As upstream: base64url of a hash with the id in it.
        const digest = (value: postgres.Fragment) =>
          tx`rtrim(translate(encode(sha256(convert_to(id || ${value}, 'UTF8')), 'base64'), '+/', '-_'), '=')`;
        const rows = await tx`
          update auth.users set
            email = ${digest(tx`coalesce(email, '')`)},
            phone = left(${digest(tx`coalesce(phone, '')`)}, 15),
            encrypted_password = null,
            raw_user_meta_data = '{}',
            raw_app_meta_data = '{}',
            deleted_at = coalesce(deleted_at, now()),
            updated_at = now()
          where id = ${id}
          returning id`;
        if (rows.length === 0) throw new AuthError("user_not_found");
        await tx`
          update auth.identities set provider_id = id::text, identity_data = '{}' where user_id = ${id}`;
        await tx`delete from auth.sessions where user_id = ${id}`;
      });
    },
  };
}

/** True while a ban lasts. */
export function isBanned({ banned_until }: UserRow): boolean {
  return banned_until !== null && banned_until.getTime() > Date.now();
}

/** A user as the API shows it. */
export function presentUser(user: UserRow) {
  return {
    id: user.id,
    aud: user.aud,
    role: user.role,
    email: user.email ?? "",
    phone: user.phone ?? "",
    ...(user.email_confirmed_at === null ? {} : {
      email_confirmed_at: user.email_confirmed_at,
      confirmed_at: user.email_confirmed_at,
    }),
    ...(user.last_sign_in_at === null ? {} : { last_sign_in_at: user.last_sign_in_at }),
    app_metadata: user.raw_app_meta_data,
    user_metadata: user.raw_user_meta_data,
    identities: user.email === null ? [] : [{
      identity_id: user.id,
      id: user.id,
      user_id: user.id,
      identity_data: {
        sub: user.id,
        email: user.email,
        email_verified: user.email_confirmed_at !== null,
        phone_verified: false,
      },
      provider: "email",
      created_at: user.created_at,
      updated_at: user.updated_at,
    }],
    created_at: user.created_at,
    updated_at: user.updated_at,
    ...(user.banned_until === null ? {} : { banned_until: user.banned_until }),
    ...(user.deleted_at === null ? {} : { deleted_at: user.deleted_at }),
    is_anonymous: user.is_anonymous,
  };
}

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
}

/** What can be set on a user. */
export interface UserFields {
  id?: string | undefined;
  email?: string | undefined;
  password?: string | undefined;
  userMetadata?: JsonObject | undefined;
  appMetadata?: JsonObject | undefined;
}

/** Access to users; every call is one statement or one transaction. */
export type Users = ReturnType<typeof createUsers>;

/** Users over a connection of role `supabase_auth_admin`. */
export function createUsers(sql: postgres.Sql, options: { minimumPasswordLength: number }) {
  const columns = sql`
    id, aud, role, email, phone, email_confirmed_at, last_sign_in_at, raw_app_meta_data, raw_user_meta_data,
    is_anonymous, created_at, updated_at`;

  function checkEmail(email: string): string {
    const address = email.trim().toLowerCase();
    if (!/^[^\s@]+@[^\s@]+$/.test(address)) throw new AuthError("email_address_invalid");
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

  return {
    /** Makes a user; without an email an anonymous one. `duplicate` is the code for an email that is taken. */
    async create(
      fields: UserFields,
      duplicate: "user_already_exists" | "email_exists",
    ): Promise<UserRow> {
      const id = fields.id ?? crypto.randomUUID();
      const email = fields.email === undefined ? null : checkEmail(fields.email);
      if (fields.password !== undefined) checkPassword(fields.password);
      const provider: JsonObject = email === null
        ? {}
        : { provider: "email", providers: ["email"] };
      const appMetadata = sql.json({ ...provider, ...fields.appMetadata });
      const userMetadata = sql.json(fields.userMetadata ?? {});
      try {
        return await sql.begin(async (tx) => {
          const [user] = await tx<UserRow[]>`
            insert into auth.users (
              instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data,
              raw_user_meta_data, is_anonymous, created_at, updated_at)
            values (
              '00000000-0000-0000-0000-000000000000', ${id}, 'authenticated', 'authenticated', ${email},
              ${fields.password === undefined ? null : hash(fields.password)},
              ${email === null ? null : sql`now()`}, ${appMetadata}, ${userMetadata}, ${
            email === null
          }, now(), now())
            returning ${columns}`;
          if (user === undefined) throw new AuthError("unexpected_failure");
          if (email !== null) {
            const identity = tx.json({
              sub: id,
              email,
              email_verified: true,
              phone_verified: false,
            });
            await tx`
              insert into auth.identities (
                provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
              values (${id}, ${id}, ${identity}, 'email', now(), now(), now())`;
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

    async findByPassword(email: string, password: string): Promise<UserRow | null> {
      const [user] = await sql<UserRow[]>`
        select ${columns} from auth.users
        where email = ${email.trim().toLowerCase()} and deleted_at is null
          and encrypted_password = extensions.crypt(${password}, encrypted_password)`;
      return user ?? null;
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
      try {
        const [user] = await sql<UserRow[]>`
          update auth.users set
            email = coalesce(${email}, email),
            email_confirmed_at = case when ${email}::text is null then email_confirmed_at else now() end,
            is_anonymous = is_anonymous and ${email}::text is null,
            encrypted_password = ${
          fields.password === undefined ? sql`encrypted_password` : hash(fields.password)
        },
            raw_user_meta_data = raw_user_meta_data || ${sql.json(fields.userMetadata ?? {})},
            raw_app_meta_data = raw_app_meta_data || ${sql.json(fields.appMetadata ?? {})},
            updated_at = now()
          where id = ${id}
          returning ${columns}`;
        if (user === undefined) throw new AuthError("user_not_found");
        return user;
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
  };
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
      identity_data: { sub: user.id, email: user.email },
      provider: "email",
      created_at: user.created_at,
      updated_at: user.updated_at,
    }],
    created_at: user.created_at,
    updated_at: user.updated_at,
    is_anonymous: user.is_anonymous,
  };
}

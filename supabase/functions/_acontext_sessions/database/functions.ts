/**
 * Calls of database functions, checked by schema.
 *
 * @module
 */
import type { SupabaseClient } from "@supabase/supabase-js";
import type * as z from "zod";
import { AppError } from "../core/errors.ts";
import type { Lease } from "../core/ports.ts";
import type { Database } from "./database.types.ts";
import { mayPass } from "./passing.ts";

type Functions = Database["public"]["Functions"];
type Name = keyof Functions & string;

/** As much of the client as is used. `npm run build:functions` counts on it: the bundles lack the rest of supabase-js. */
export type DatabaseClient = Pick<SupabaseClient<Database>, "rpc">;

/**
 * Each throws `AppError`: `database_unavailable` when the same call may succeed later, `database_refused` when it cannot,
 * an answer of another shape included. After either, the call may or may not have had its effect.
 */
export interface DatabaseFunctions {
  call<N extends Name>(name: N, args: Functions[N]["Args"]): Promise<unknown>;
  ask<N extends Name, Answer>(
    name: N,
    args: Functions[N]["Args"],
    schema: z.ZodType<Answer>,
  ): Promise<Answer>;
}

/** @param client With the secret key: the functions are for the service role alone. */
export function databaseFunctions(client: DatabaseClient): DatabaseFunctions {
  async function call<N extends Name>(
    name: N,
    args: Functions[N]["Args"],
  ): Promise<unknown> {
    const { data, error, status } = await client.rpc(name, args);
    // A gateway may answer an error with the body "null".
    if (error || status >= 400) {
      const code = error?.code ?? "";
      throw new AppError(mayPass({ code, status }) ? "database_unavailable" : "database_refused", {
        cause: new DatabaseError(name, code || (status === 0 ? "no_answer" : `http_${status}`)),
      });
    }
    return data;
  }

  async function ask<N extends Name, Answer>(
    name: N,
    args: Functions[N]["Args"],
    schema: z.ZodType<Answer>,
  ): Promise<Answer> {
    const parsed = schema.safeParse(await call(name, args));
    if (!parsed.success) {
      throw new AppError("database_refused", { cause: new DatabaseError(name, "bad_shape") });
    }
    return parsed.data;
  }

  return { call, ask };
}

/** Names the database function and the SQLSTATE; never carries the database's own text. */
class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  readonly code: string;

  constructor(functionName: string, reason: string) {
    super(reason);
    this.code = `${functionName}:${reason}`;
  }
}

/** A lease as the database functions take it. */
export function leaseArgs(
  { leaseId, leaseSeconds }: Lease,
): { p_lease_id: string; p_lease_seconds: number } {
  return { p_lease_id: leaseId, p_lease_seconds: leaseSeconds };
}

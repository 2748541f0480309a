/**
 * One suite, two databases: the stand-ins for pg_net, pg_cron and Vault, started for each file, or the real extensions
 * when `PLATFORM_CONTRACT_DATABASE_URL` names a database in which role `postgres` has them. That database must be able
 * to reach servers on this machine's 127.0.0.1.
 *
 * @module
 */

import postgres from "postgres";
import { standInDatabase } from "./stand_in_database.ts";

const REAL_URL = Deno.env.get("PLATFORM_CONTRACT_DATABASE_URL");

/** True when the tests speak with the real extensions. */
export const IS_REAL = REAL_URL !== undefined;

/** What the tests of one file share. */
export interface ContractDatabase {
  /** Role `postgres`. */
  sql: postgres.Sql;
  /** A connection of its own, for the caller to end. */
  connect(): postgres.Sql;
  /** Ends the database as a crash would and starts it again. The stand-ins' only. */
  crash(): Promise<void>;
  /** Replaces Vault's root key. The stand-ins' only. */
  loseVaultKey(): Promise<void>;
}

function ofStandInsOnly(): never {
  throw new Error("Cannot do that to a database that is not our own");
}

/** A database for all tests of the calling file. */
export function shareDatabase(): ContractDatabase {
  // Filled by `beforeAll`, before any test reads it.
  const shared = {} as ContractDatabase;
  let stop = () => Promise.resolve();

  Deno.test.beforeAll(async () => {
    const standIn = REAL_URL === undefined ? await standInDatabase() : null;
    if (standIn !== null) stop = () => standIn.stop();
    const url = standIn?.url ?? REAL_URL ?? "";
    shared.connect = () => postgres(url, { max: 1, fetch_types: false, onnotice: () => {} });
    shared.sql = postgres(url, { max: 4, fetch_types: false, onnotice: () => {} });
    shared.crash = () => (standIn ?? ofStandInsOnly()).crash();
    shared.loseVaultKey = () => (standIn ?? ofStandInsOnly()).loseVaultKey();
  });

  Deno.test.afterAll(async () => {
    await shared.sql?.end({ timeout: 1 });
    await stop();
  });

  return shared;
}

/** A test of what both databases do. Connections and timers outlive it. */
export function databaseTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });
}

/** A test that needs what nobody may do to a real database; left out there. */
export function standInTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, ignore: IS_REAL, sanitizeOps: false, sanitizeResources: false });
}

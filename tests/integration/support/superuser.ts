/** What only the platform itself does to a project's database. @module */

import postgres from "postgres";
import type { World } from "./world.ts";

/** Runs SQL as the superuser. */
export async function asSuperuser({ info }: World, statements: string): Promise<void> {
  const sql = postgres(info.adminDatabaseUrl, { max: 1, onnotice: () => {} });
  try {
    await sql.unsafe(statements);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Lets role `postgres` work after what the superuser did, and undoes all of it. */
export async function undone(
  { info }: World,
  statements: string,
  work: (sql: postgres.TransactionSql) => Promise<void>,
): Promise<void> {
  const sql = postgres(info.adminDatabaseUrl, { max: 1, onnotice: () => {} });
  const undo = new Error("undo");
  try {
    await sql.begin(async (tx) => {
      await tx.unsafe(statements);
      await tx`set local role postgres`;
      await work(tx);
      throw undo;
    });
  } catch (error) {
    if (error !== undo) throw error;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Has these tables alone, until `release`. */
export async function lockTables(
  { info }: World,
  tables: string[],
): Promise<{ release(): Promise<void> }> {
  const sql = postgres(info.adminDatabaseUrl, { max: 1, onnotice: () => {} });
  const connection = await sql.reserve();
  await connection`begin`;
  await connection.unsafe(`lock table ${tables.join(", ")} in access exclusive mode`);
  return {
    async release() {
      await connection`rollback`;
      connection.release();
      await sql.end({ timeout: 1 });
    },
  };
}

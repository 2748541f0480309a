/**
 * What an operator puts into Vault by hand on a hosted project.
 *
 * @module
 */

import type postgres from "postgres";

/** Makes or changes the named secrets. `sql` is a connection of role `postgres`. */
export async function seedVault(sql: postgres.Sql, secrets: Record<string, string>): Promise<void> {
  for (const [name, value] of Object.entries(secrets)) {
    const [existing] = await sql<{ id: string; current: string }[]>`
      select id, decrypted_secret as current from vault.decrypted_secrets where name = ${name}`;
    if (existing === undefined) {
      await sql`select vault.create_secret(${value}, ${name}, 'Set by the local stack')`;
    } else if (existing.current !== value) {
      await sql`select vault.update_secret(${existing.id}, ${value})`;
    }
  }
}

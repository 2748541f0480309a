/**
 * Turns an empty database into what a new Supabase project has.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import type { Keys } from "../keys.ts";
import { LOOPBACK } from "../ports.ts";
import { ROOT } from "../paths.ts";
import { connect } from "./connect.ts";
import { markReady, type PostgresServer } from "./server.ts";

/** A connection URL for one of the roles that can log in. */
export function databaseUrl(keys: Keys, role: keyof Keys["passwords"], port: number): string {
  return `postgresql://${role}:${
    keys.passwords[role]
  }@${LOOPBACK}:${port}/postgres?sslmode=disable`;
}

/** Runs the platform's SQL: all of it in a new database, else what it may lack. */
export async function bootstrap(
  server: PostgresServer,
  options: { keys: Keys; port: number; realCron: boolean },
): Promise<void> {
  const { keys, port, realCron } = options;
  const sql = connect(databaseUrl(keys, "supabase_admin", port), { max: 1, name: "bootstrap" });
  const run = (file: string) => sql.file(join(ROOT, "local", "postgres", file)).simple();
  try {
    if (server.isNew) {
      await writeVaultKey(server);
      await run("platform_roles.sql");
      await run("platform_auth.sql");
      if (realCron) await run("platform_cron.sql");
    }
    await run("platform_later.sql");
    if (server.isNew) {
      for (const [role, password] of Object.entries(keys.passwords)) {
        await sql.unsafe(`alter role ${role} password '${password}'`);
      }
    }
  } finally {
    await sql.end({ timeout: 5 });
  }
  if (server.isNew) await markReady(server);
}

async function writeVaultKey({ clusterDir }: PostgresServer): Promise<void> {
  const path = join(clusterDir, "vault.key");
  await Deno.writeFile(path, crypto.getRandomValues(new Uint8Array(32)), { mode: 0o600 });
  const { uid, gid } = await Deno.stat(clusterDir);
  if (Deno.uid() === 0) await Deno.chown(path, uid, gid);
}

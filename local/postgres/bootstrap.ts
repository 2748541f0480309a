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

/** Runs the platform's SQL in a new database. Does nothing in one that has it. */
export async function bootstrap(
  server: PostgresServer,
  options: { keys: Keys; port: number; realCron: boolean },
): Promise<void> {
  if (!server.isNew) return;
  const { keys, port, realCron } = options;

  const keyFile = join(server.clusterDir, "vault.key");
  await Deno.writeFile(keyFile, crypto.getRandomValues(new Uint8Array(32)), { mode: 0o600 });
  const { uid, gid } = await Deno.stat(server.clusterDir);
  if (Deno.uid() === 0) await Deno.chown(keyFile, uid, gid);

  const sql = connect(databaseUrl(keys, "supabase_admin", port), { max: 1, name: "bootstrap" });
  try {
    const files = ["platform_roles.sql", "platform_auth.sql"];
    if (realCron) files.push("platform_cron.sql");
    for (const file of files) {
      await sql.file(join(ROOT, "local", "postgres", file)).simple();
    }
    for (const [role, password] of Object.entries(keys.passwords)) {
      await sql.unsafe(`alter role ${role} password '${password}'`);
    }
  } finally {
    await sql.end({ timeout: 5 });
  }
  await markReady(server);
}

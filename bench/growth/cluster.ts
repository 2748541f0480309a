/**
 * A PostgreSQL server of its own, with one database for each size, so that samples of all sizes can be taken in turns.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import postgres from "postgres";
import { removeIfExists } from "../../local/json_file.ts";
import { loadKeys } from "../../local/keys.ts";
import { applyMigrations } from "../../local/migrations.ts";
import { ROOT } from "../../local/paths.ts";
import { freePort } from "../../local/ports.ts";
import { bootstrap, databaseUrl } from "../../local/postgres/bootstrap.ts";
import { embeddedRuntime } from "../../local/postgres/runtime.ts";
import { type PostgresServer, removeCluster, startPostgres } from "../../local/postgres/server.ts";
import { onStopRequest } from "../../local/until_stopped.ts";
import { seedVault } from "../../local/vault_secrets.ts";

interface Cluster {
  /** A new database like a deployed project's; answers the superuser's URL. */
  clone(name: string): Promise<string>;
}

/**
 * What differs from the defaults. Nothing runs beside a sample: no autovacuum (the benchmark vacuums), no checkpoint but
 * those it asks for. Pages are written to WAL in full after a checkpoint, as everywhere; nothing waits for the disk.
 */
function settings(sharedBuffers: string): Record<string, string> {
  return {
    shared_buffers: sharedBuffers,
    autovacuum: "off",
    fsync: "off",
    checkpoint_timeout: "1d",
    max_wal_size: "64GB",
    maintenance_work_mem: "512MB",
  };
}

export async function withCluster<T>(
  sharedBuffers: string,
  use: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const dataDir = await Deno.makeTempDir({ prefix: "acontext-growth-" });
  let server: PostgresServer | undefined;
  async function remove(): Promise<void> {
    await server?.stop();
    await removeCluster(dataDir);
    await removeIfExists(dataDir);
  }
  let removing: Promise<void> | undefined;
  const cleanUp = () => removing ??= remove();
  const ignoreStops = onStopRequest(() => {
    // Connections that break now would end the process before all is removed.
    addEventListener("unhandledrejection", (event) => event.preventDefault());
    void cleanUp().finally(() => Deno.exit(130));
  }, () => Deno.exit(130));
  try {
    await Deno.chmod(dataDir, 0o755);
    await Deno.mkdir(join(dataDir, "logs"));
    const keys = await loadKeys(join(dataDir, "keys.json"));
    const port = freePort();
    const runtime = await embeddedRuntime(join(ROOT, ".local", "runtime"));
    server = await startPostgres({
      runtime: { ...runtime, settings: { ...runtime.settings, ...settings(sharedBuffers) } },
      dataDir,
      port,
      superuserPassword: keys.passwords.supabase_admin,
      // The other kind turns off the full pages in WAL, which are measured.
      durable: true,
      log: (line) => console.error(line),
    });
    await bootstrap(server, { keys, port, realCron: false });
    await migrate(dataDir, databaseUrl(keys, "postgres", port));
    const adminUrl = databaseUrl(keys, "supabase_admin", port);
    return await use({ clone: (name) => clone(adminUrl, name) });
  } finally {
    ignoreStops();
    await cleanUp();
  }
}

async function migrate(dataDir: string, userUrl: string): Promise<void> {
  const sql = postgres(userUrl, { max: 1, onnotice: () => {} });
  try {
    const log = (line: string) => console.error(line);
    await applyMigrations({ projectDir: ROOT, dataDir, databaseUrl: userUrl, sql, log });
    await seedVault(sql, {
      acontext_sessions_project_url: "http://project.test",
      acontext_sessions_secret_key: "secret",
    });
  } finally {
    await sql.end();
  }
}

async function clone(adminUrl: string, name: string): Promise<string> {
  const sql = postgres(adminUrl.replace("/postgres?", "/template1?"), { max: 1 });
  try {
    await sql.unsafe(`create database ${name} template postgres owner postgres`);
  } finally {
    await sql.end();
  }
  return adminUrl.replace("/postgres?", `/${name}?`);
}

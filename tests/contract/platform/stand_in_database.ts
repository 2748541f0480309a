/** A new database with the stand-ins for pg_net, pg_cron and Vault, and nothing else of the stack. @module */

import { join } from "@std/path/mod.js";
import { startCronWorker } from "../../../local/cron_worker.ts";
import type { Keys } from "../../../local/keys.ts";
import { startNetWorker } from "../../../local/net_worker.ts";
import { connect } from "../../../local/postgres/connect.ts";
import { startBareServer } from "../../support/bare_server.ts";

/** A running database with its workers. */
export interface StandInDatabase {
  /** For role `postgres`. */
  url: string;
  /** For role `supabase_auth_admin`. */
  authUrl: string;
  keys: Keys;
  crash(): Promise<void>;
  loseVaultKey(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one in a temporary directory. */
export async function standInDatabase(): Promise<StandInDatabase> {
  const { server, keys, urlOf, stop } = await startBareServer({
    prefix: "platform-contract-",
    log: () => {},
  });
  const url = urlOf("postgres");
  const sql = connect(url, { max: 1, name: "contract" });
  await sql`create extension if not exists pg_net with schema extensions`;
  await sql`create extension if not exists pg_cron with schema pg_catalog`;
  await sql.end({ timeout: 1 });

  const workers = [startNetWorker, startCronWorker].map((start) =>
    start({ databaseUrl: urlOf("supabase_admin"), log: () => {} })
  );
  return {
    url,
    authUrl: urlOf("supabase_auth_admin"),
    keys,
    crash: () => server.restart("immediate"),
    loseVaultKey: () =>
      Deno.writeFile(
        join(server.clusterDir, "vault.key"),
        crypto.getRandomValues(new Uint8Array(32)),
      ),
    async stop() {
      await Promise.all(workers.map((worker) => worker.stop()));
      await stop();
    },
  };
}

/**
 * A throwaway PostgreSQL server with the project's migrations, and databases cloned from it.
 *
 * @module
 */

import postgres from "postgres";
import { applyMigrations } from "../../local/migrations.ts";
import { ROOT } from "../../local/paths.ts";
import { seedVault } from "../../local/vault_secrets.ts";
import { startBareServer } from "../support/bare_server.ts";

const TEMPLATE = "postgres";

/** SQL reads time and randomness through these two functions, so that a test database can replace them. */
const VIRTUAL_TIME = `
  create or replace function acontext_sessions.clock() returns timestamptz
  language sql stable security invoker set search_path = ''
  as $$ select current_setting('simulation.now')::timestamptz $$;
  create or replace function acontext_sessions.random() returns double precision
  language sql volatile security invoker set search_path = ''
  as $$ select current_setting('simulation.random')::double precision $$;
`;

/** The few sessions of a simulation would be restamped in one step, and no change of session_ttl would be under way for long. */
const SMALL_STEPS = `
  do $$
  declare
    v_function regprocedure;
  begin
    foreach v_function in array array[
      'acontext_sessions.apply_settings(jsonb)',
      'acontext_sessions.dispatch_sweep(acontext_sessions.run_trigger,boolean,boolean)',
      'public.acontext_queue_due_sessions(uuid,integer)'
    ]::regprocedure[] loop
      execute regexp_replace(
        pg_get_functiondef(v_function), 'restamp_sessions\\(\\d+\\)', 'restamp_sessions(1)'
      );
    end loop;
  end $$;
`;

export interface Cluster {
  /** A new database like a deployed project's; answers the superuser's URL. */
  clone(name: string): Promise<string>;
  stop(): Promise<void>;
}

export async function startCluster(): Promise<Cluster> {
  const log = (line: string) => console.error(line);
  const { dataDir, urlOf, stop } = await startBareServer({ prefix: "acontext-simulation-", log });
  const adminUrl = urlOf("supabase_admin");

  async function prepare(): Promise<void> {
    const userUrl = urlOf("postgres");
    const sql = postgres(userUrl, { max: 1, onnotice: () => {} });
    try {
      await applyMigrations({ projectDir: ROOT, dataDir, databaseUrl: userUrl, sql, log });
      await seedVault(sql, {
        acontext_sessions_project_url: "http://project.test",
        acontext_sessions_secret_key: "secret",
      });
      await sql.unsafe(VIRTUAL_TIME).simple();
      await sql.unsafe(SMALL_STEPS).simple();
    } finally {
      await sql.end();
    }
  }

  try {
    await prepare();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    async clone(name) {
      const sql = postgres(adminUrl.replace("/postgres?", "/template1?"), { max: 1 });
      try {
        await sql.unsafe(`create database ${name} template ${TEMPLATE}`);
      } finally {
        await sql.end();
      }
      return adminUrl.replace("/postgres?", `/${name}?`);
    },
    stop,
  };
}

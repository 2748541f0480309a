/**
 * The facts of health, over the database function of supabase/migrations.
 *
 * @module
 */
import { type HealthFacts, healthFactsSchema } from "../core/health/facts.ts";
import { type DatabaseClient, databaseFunctions } from "./functions.ts";

/** How many of the last runs are shown. */
const RECENT_RUNS = 10;

/** @param client With the secret key: the function is for the service role alone. */
export function createHealthReader(client: DatabaseClient): () => Promise<HealthFacts> {
  const { ask } = databaseFunctions(client);
  return () => ask("acontext_session_health", { p_runs: RECENT_RUNS }, healthFactsSchema);
}

/**
 * The settings that bound one user. Tests and benchmarks do in a second what no user does in an hour: they lift them, and
 * tests that are about one set it.
 *
 * @module
 */

import type postgres from "postgres";

const LIMITS = [
  "max_sessions_per_user",
  "max_sessions_per_anonymous_user",
  "max_creations_per_minute",
  "max_deletions_per_minute",
  "max_stores_per_minute",
  "max_file_writes_per_minute",
];

/** As SQL, for those who run more with it. */
export const LIFT_USER_LIMITS = `
  update acontext_sessions.settings set ${LIMITS.map((name) => `${name} = null`).join()}
  where only_row;
  delete from acontext_sessions.settings_log where new ?& '{${LIMITS.join()}}';
  delete from acontext_sessions.user_rates where true;`;

/** In a database whose settings are new. */
export async function liftUserLimits(sql: postgres.ISql): Promise<void> {
  await sql.unsafe(LIFT_USER_LIMITS);
}

/**
 * Connections of the stack's own parts to the database.
 *
 * @module
 */

import postgres from "postgres";

/** Opens a pool that outlives restarts of the database. */
export function connect(
  databaseUrl: string,
  options: { max: number; name: string; onClose?: () => void },
): postgres.Sql {
  return postgres(databaseUrl, {
    max: options.max,
    connection: { application_name: options.name },
    // The stack restarts the database on purpose; waiting longer each time would only hide that it is back.
    backoff: () => 0.25,
    // Nothing awaits the query behind it, so its failure could not be caught when the database goes away.
    fetch_types: false,
    onnotice: () => {},
    ...(options.onClose === undefined ? {} : { onclose: options.onClose }),
  });
}

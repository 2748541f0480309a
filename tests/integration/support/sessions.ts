/** Sessions in the states that tests begin with. @module */

import type { Session } from "./functions.ts";
import { NAMESPACE } from "./remote.ts";
import type { World } from "./world.ts";

/** Sessions of one new user that have expired. */
export async function expiredSessions(world: World, count: number): Promise<Session[]> {
  const sessions = await world.createdMany(await world.newUser(), count);
  await world.database.expire(sessions.map(({ id }) => id));
  return sessions;
}

/** A deletion that Acontext refuses, tried ten times. Answers its id. */
export async function stuckSession(world: World): Promise<string> {
  const user = await world.newUser();
  const { id } = await world.created(user);
  await world.remote.withFaults(
    [{ route: "DELETE /disk/:id", fault: { kind: "status", status: 500 } }],
    () => world.remove(user, id),
  );
  await world.database.sql`
    update acontext_sessions.deletion_queue
    set attempts = 10, next_attempt_at = acontext_sessions.clock() + interval '6 hours' where id = ${id}`;
  return id;
}

/** A remote session that carries a mark and that no row knows. Answers its id. */
export function orphanSession({ remote }: World, namespace = NAMESPACE): Promise<string> {
  const id = crypto.randomUUID();
  const mark = { namespace, session_id: id };
  return remote.makeSession({ use_uuid: id, configs: { acontext_sessions: mark } });
}

/** What use changes of a session; `version` is another after every write. */
export async function sessionRow(world: World, id: string) {
  const [found] = await world.database.sql<
    { message_count: number; last_activity_at: Date; version: string }[]
  >`
    select message_count, last_activity_at, xmin::text || ctid::text as version
    from public.session_mappings where id = ${id}`;
  if (found === undefined) throw new Error(`Cannot find the session "${id}"`);
  return found;
}

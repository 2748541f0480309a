/** Very many sessions at once, which would take minutes one by one. @module */

import { NAMESPACE } from "./remote.ts";
import type { TestUser } from "./users.ts";
import type { World } from "./world.ts";

const STEP = 5_000;

/** Active sessions of one new user, each with its two resources in Acontext, last used `daysAgo`. Answers the user. */
export async function createInBulk(
  { database: { sql }, remote, newUser }: Pick<World, "database" | "remote" | "newUser">,
  { count, daysAgo }: { count: number; daysAgo: number },
): Promise<TestUser> {
  const user = await newUser();
  for (let done = 0; done < count; done += STEP) {
    const sessions = Array.from({ length: Math.min(STEP, count - done) }, () => ({
      id: crypto.randomUUID(),
      diskId: crypto.randomUUID(),
    }));
    await remote.control.createMarked({ namespace: NAMESPACE, sessions });
    const ids = sessions.map(({ id }) => id);
    const diskIds = sessions.map(({ diskId }) => diskId);
    // As it happens one by one: a session starts as provisioning, without remote ids.
    await sql.begin(async (tx) => {
      await tx`
        insert into public.session_mappings (id, user_id)
        select i.id, ${user.id} from unnest(${ids}::uuid[]) as i (id)`;
      await tx`
        update public.session_mappings as s
        set status = 'active', acontext_session_id = i.id, acontext_disk_id = i.disk_id,
          last_activity_at = acontext_sessions.clock() - make_interval(days => ${daysAgo})
        from unnest(${ids}::uuid[], ${diskIds}::uuid[]) as i (id, disk_id)
        where s.id = i.id`;
    });
  }
  return user;
}

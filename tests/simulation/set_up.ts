/** What is there when a run begins: users, settings, some sessions, and other people's resources. @module */

import { FOREIGN_SLOT, type Profile, SLOTS, USERS } from "./plan.ts";
import { ownerOf, slotId } from "./play.ts";
import { fixedUuid } from "./random.ts";
import { NAMESPACE, type World } from "./world.ts";

/** Begins like ours. */
const NEIGHBOUR = `${NAMESPACE}-2`;
const FIRST_RESIDENT = 100;

export async function setUp(world: World, profile: Profile): Promise<void> {
  for (let slot = 0; slot < 2 * SLOTS; slot++) world.trace.name(slotId(slot), `s${slot}`);
  for (let user = 0; user < USERS; user++) world.trace.name(fixedUuid("user", user), `u${user}`);
  await plantNeighbours(world);
  const residents = await plantResidents(world, profile);
  await world.begin(`
    insert into auth.users (id) values ${
    Array.from({ length: USERS }, (_, user) => `('${fixedUuid("user", user)}')`).join()
  };
    update acontext_sessions.settings set
      concurrency = ${concurrencyOf(profile)},
      max_per_run = ${profile.maxPerRun},
      max_workers = ${Math.min(profile.maxWorkers, profile.maxRemoteDeletes)},
      max_remote_deletes = ${profile.maxRemoteDeletes},
      deletion_grace = make_interval(secs => ${profile.deletionGrace}),
      orphan_grace = make_interval(secs => ${profile.orphanGrace}),
      session_ttl = make_interval(secs => ${profile.sessionTtl}),
      max_expiry_minimum = ${profile.maxExpiryMinimum},
      max_sessions_per_user = ${profile.maxSessionsPerUser ?? "null"};
    ${residents}`);
}

/** As much of what the plan wants as all workers together may have. */
function concurrencyOf({ concurrency, maxWorkers, maxRemoteDeletes }: Profile): number {
  return Math.max(1, Math.min(concurrency, Math.floor(maxRemoteDeletes / maxWorkers)));
}

/** Another deployment's resources, disks of agent skills, and what nobody has marked. */
async function plantNeighbours({ remote, trace }: World): Promise<void> {
  const mark = (id: string) => ({
    acontext_sessions: { namespace: NEIGHBOUR, session_id: id },
  });
  const foreign = slotId(FOREIGN_SLOT);
  await remote.plant("/session", { use_uuid: foreign, configs: mark(foreign) });
  const planted = [
    await remote.plant("/session", { configs: mark(slotId(0)) }),
    await remote.plant("/session", {}),
    await remote.plant("/disk", { user: `${NEIGHBOUR}:${slotId(0)}` }),
    await remote.plant("/disk", { user: `${NEIGHBOUR}:${foreign}` }),
    await remote.plant("/disk", { user: "somebody" }),
    await remote.plant("/disk", {}),
    remote.plantSkill(),
    remote.plantSkill(`${NEIGHBOUR}:${slotId(1)}`),
  ];
  for (const id of planted) trace.name(id, trace.number("foreign"));
}

/** Sessions made before the run, as SQL. */
async function plantResidents({ remote, trace }: World, profile: Profile): Promise<string> {
  const rows: string[] = [];
  for (let i = 0; i < profile.population; i++) {
    const id = fixedUuid("session", FIRST_RESIDENT + i);
    trace.name(id, `r${i}`);
    const session = await remote.plant("/session", {
      use_uuid: id,
      configs: { acontext_sessions: { namespace: NAMESPACE, session_id: id } },
    }, id);
    const disk = await remote.plant("/disk", { user: `${NAMESPACE}:${id}` }, id);
    trace.name(session, `r${i}.session`);
    trace.name(disk, `r${i}.disk`);
    rows.push(`('${id}', '${ownerOf(i)}', 'active', '${session}', '${disk}',
      acontext_sessions.clock() + make_interval(secs => ${profile.sessionTtl}))`);
  }
  return rows.length === 0 ? "" : `insert into public.session_mappings
    (id, user_id, status, acontext_session_id, acontext_disk_id, expires_at)
    values ${rows.join()}`;
}

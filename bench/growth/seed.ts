/**
 * Databases of any size, as years of use would leave them.
 *
 * The triggers are off while rows are written in bulk; every row is what they would have made of it, and the constraints
 * are checked as always. At the end some of what triggers keep is compared.
 *
 * @module
 */

import { HEAVY_USER_SESSIONS, SESSIONS_PER_USER } from "./sizes.ts";
import type { Session } from "./session.ts";

/**
 * Sessions in the order of their creation over the last sixty days. Of the older 45 %, one in 45 (1 % of all) expired
 * within the last day, and another waits in the queue.
 */
const SESSIONS = `
  insert into public.session_mappings (
    id, user_id, status, title, metadata, pinned, ttl, message_count, acontext_session_id, acontext_disk_id,
    created_at, updated_at, last_activity_at, expires_at
  )
  select r.id, u.id, r.status, 'Conversation about topic ' || r.i, jsonb_build_object('topic', r.i % 97, 'channel', 'web'),
    r.pinned, r.ttl, (random() * 60)::integer,
    case when r.status <> 'provisioning' then r.id end,
    case when r.status <> 'provisioning' then gen_random_uuid() end,
    r.created_at, r.created_at + interval '1 second', r.active_at,
    case when not r.pinned then r.active_at + coalesce(r.ttl, interval '30 days') end
  from (
    select k.*,
      k.status = 'active' and not k.expired and random() < 0.02 as pinned,
      case
        when k.i % ($1 / 4) = 17 then now() - interval '1 hour' * (1 + random())
        when k.status = 'provisioning' then now() - interval '1 minute' * random()
        when k.expired then now() - interval '30 days' - interval '1 day' * random()
        when k.ttl is not null then now() - interval '6 days' * random()
        else greatest(k.created_at, now() - interval '29 days' * random())
      end as active_at
    from (
      select i.i, gen_random_uuid() as id,
        case
          when i.i % ($1 / 4) = 17 or i.i > $1 - 10 - $1 / 100000 then 'provisioning'
          when i.i <= $1 / 20 * 9 and i.i % 45 = 13 then 'deleting'
          else 'active'
        end::public.acontext_session_status as status,
        i.i <= $1 / 20 * 9 and i.i % 45 in (7, 13) as expired,
        case when (i.i > $1 / 20 * 9 or i.i % 45 not in (7, 13)) and random() < 0.05 then interval '7 days' end as ttl,
        now() - interval '60 days' * (1 - i.i::double precision / $1) - interval '2 minutes' as created_at,
        case when i.i % $2 = 0 then 0 else 1 + floor(random() * $3)::integer end as user_number
      from generate_series(1, $1) as i
    ) as k
  ) as r
  join growth_users as u on u.number = r.user_number`;

/** In the order in which they expired. Of ten that wait: seven are due, a worker holds one, two failed and are put off, one of these for the tenth time. */
const QUEUE = `
  insert into acontext_sessions.deletion_queue (
    id, origin_id, reason, user_id, acontext_session_id, acontext_disk_id, requested_at, attempts, next_attempt_at,
    first_claimed_at, lease_id, leased_until, last_error
  )
  select s.id, s.id, case when s.n % 4 = 0 then 'requested' else 'expired' end::acontext_sessions.deletion_reason, s.user_id,
    s.acontext_session_id, s.acontext_disk_id, s.expires_at,
    case s.n % 10 when 8 then 2 when 9 then 12 else 0 end,
    case
      when s.n % 10 = 7 then now() + interval '1 hour' + interval '1 minute' * random()
      when s.n % 10 in (8, 9) then now() + interval '1 hour' * (1 + random())
      else s.expires_at
    end,
    case when s.n % 10 >= 7 then now() - interval '5 minutes' end,
    case when s.n % 10 = 7 then gen_random_uuid() end,
    case when s.n % 10 = 7 then now() + interval '1 hour' end,
    case when s.n % 10 >= 8 then 'disk: status 500' end
  from (
    select d.*, row_number() over (order by d.expires_at) as n
    from public.session_mappings as d where d.status = 'deleting'
  ) as s
  order by s.n`;

const REST = [
  `insert into acontext_sessions.provisioning_leases (session_id, lease_id, leased_until)
   select s.id, gen_random_uuid(), s.last_activity_at + interval '2 minutes'
   from public.session_mappings as s where s.status = 'provisioning' and s.last_activity_at > now() - interval '10 minutes'`,
  `insert into acontext_sessions.uncertain_sessions (session_id, since)
   select s.id, s.created_at from public.session_mappings as s where s.status = 'active' and random() < 0.0001`,
  // As many receipts as sessions: what ninety days of retention keep when a session lives for ninety days.
  `insert into acontext_sessions.deletion_log (
     id, origin_id, reason, user_id, acontext_session_id, acontext_disk_id, session_proof, session_gone_at,
     disk_proof, disk_gone_at, attempts, requested_at, finished_at
   )
   select i.id, i.id, case when random() < 0.2 then 'requested' else 'expired' end::acontext_sessions.deletion_reason, u.id, i.id,
     gen_random_uuid(), 'deleted', i.at, case when random() < 0.01 then 'absent' else 'deleted' end::acontext_sessions.deletion_proof,
     i.at, 1, i.at - interval '1 minute', i.at
   from (
     select gen_random_uuid() as id, floor(random() * ($2 + 1))::integer as user_number,
       now() - interval '90 days' * (1 - g::double precision / $1) as at
     from generate_series(1, $1) as g
   ) as i
   join growth_users as u on u.number = i.user_number`,
  // Two days of messages with a key: one for every fifth session.
  `insert into acontext_sessions.message_keys (
     session_id, key_hash, body_hash, lease_id, leased_until, message_id, message_created_at, created_at
   )
   select s.id, encode(sha256(s.id::text::bytea), 'hex'), encode(sha256('body'), 'hex'), gen_random_uuid(), k.at,
     gen_random_uuid(), k.at, k.at
   from public.session_mappings as s
   cross join lateral (select now() - interval '2 days' * random() as at where s.id is not null) as k
   where s.status = 'active' and random() < 0.2`,
  `insert into acontext_sessions.runs (
     id, task, trigger, status, requested_at, started_at, finished_at, total, deleted, expired, stop_reason, request_id
   )
   select gen_random_uuid(),
     case when g % 23 = 0 then 'reconcile' else 'sweep' end::acontext_sessions.run_task,
     case when g % 10 = 0 or g % 23 = 0 then 'schedule' else 'retry' end::acontext_sessions.run_trigger, 'finished',
     i.at, i.at, i.at + interval '20 seconds', 2000, 2000, 2000, case when g % 3 = 0 then 'limit' else 'empty' end, g
   from generate_series(1, 300 + $1 / 400) as g
   cross join lateral (
     select now() - interval '90 days' * (1 - g / (301.0 + $1 / 400)) as at
   ) as i`,
  `insert into acontext_sessions.settings_log (changed_at, changed_by, old, new)
   select now() - interval '1 day' * g, 'postgres', '{"max_workers": 4}', '{"max_workers": 8}' from generate_series(20, 1, -1) as g`,
  `insert into cron.job_run_details (jobid, command, username, status, start_time, end_time)
   select j.jobid, j.command, j.username, 'succeeded', now() - interval '5 minutes' * g, now() - interval '5 minutes' * g
   from generate_series(2000, 1, -1) as g cross join cron.job as j where j.jobname = 'acontext-sessions-retry'`,
];

/** Limits for each user, which are counted as ever and keep nobody here from anything. */
const LIMITS = `
  update acontext_sessions.settings
  set max_sessions_per_user = $1, max_creations_per_minute = 100000, max_deletions_per_minute = 100000,
    max_stores_per_minute = 100000, max_file_writes_per_minute = 100000
  where only_row`;

/** Counts rows that are not what the triggers would have made. */
const BROKEN = `
  select
    (select count(*) from public.session_mappings as s
      where s.expires_at is distinct from case when not s.pinned
        then s.last_activity_at + coalesce(s.ttl, (select t.session_ttl from acontext_sessions.settings as t)) end)
    + (select count(*) from public.session_mappings as s where s.last_activity_at < s.created_at and s.status = 'active' and s.ttl is null)
    + (select count(*) from public.session_mappings as s
      where (s.status = 'deleting') <> exists (select 1 from acontext_sessions.deletion_queue as q where q.id = s.id))
    + (select count(*) from public.session_mappings as s where s.user_id is null) as broken`;

/** Fills an empty database. @throws {Error} when it is not as triggers would have left it. */
export async function seed(session: Session, sessions: number): Promise<void> {
  const users = Math.ceil((sessions - HEAVY_USER_SESSIONS) / SESSIONS_PER_USER);
  await session.run("set session_replication_role = replica");
  await session.run("select setseed(0.5)");
  await session.run("create temporary table growth_users (number integer primary key, id uuid)");
  await session.run(
    "insert into growth_users select g, gen_random_uuid() from generate_series(0, $1::integer) as g",
    [users],
  );
  await session.run(
    "insert into auth.users (id, aud, role) select u.id, 'authenticated', 'authenticated' from growth_users as u",
  );
  await session.run("analyze growth_users");
  await session.run(typed(SESSIONS), [
    sessions,
    Math.max(2, Math.round(sessions / HEAVY_USER_SESSIONS)),
    users,
  ]);
  await session.run(typed(LIMITS), [2 * HEAVY_USER_SESSIONS]);
  await session.run(QUEUE);
  for (const text of REST) {
    await session.run(typed(text), [sessions, users].slice(0, parametersOf(text)));
  }
  await session.run("set session_replication_role = origin");
  await session.run("vacuum (analyze)");
  const [row] = await session.run<{ broken: number }>(`select (${BROKEN})::integer as broken`);
  if (row?.broken !== 0) {
    throw new Error(`Cannot measure: ${row?.broken} seeded rows are not what triggers would make`);
  }
}

/** PostgreSQL infers a parameter's type from its first use, which arithmetic leaves open. */
function typed(text: string): string {
  return text.replaceAll(/\$(\d)/g, "$$$1::integer");
}

function parametersOf(text: string): number {
  return Math.max(0, ...Array.from(text.matchAll(/\$(\d)/g), ([, number]) => Number(number)));
}

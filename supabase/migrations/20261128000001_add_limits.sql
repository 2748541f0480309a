-- Purpose: settings that bound deletes and conversations, and whether Acontext's task agent reads new sessions.
-- Risk: `concurrency` is lowered where workers together would exceed max_remote_deletes; the retry job runs every minute
-- instead of every five.

alter table acontext_sessions.settings
  add column max_remote_deletes integer not null default 32,
  add column max_messages_per_session integer,
  add column disable_task_tracking boolean not null default false,
  add constraint max_remote_deletes_in_range check (max_remote_deletes between 1 and 256),
  add constraint max_messages_per_session_positive check (max_messages_per_session > 0);

comment on column acontext_sessions.settings.max_remote_deletes is
  'Deletes that Acontext works on at a time, of all workers and user calls together. Each of a session takes two of its database connections.';
comment on column acontext_sessions.settings.max_messages_per_session is
  'A session with this many messages takes no more; null: no limit. The time that a delete takes grows with them.';
comment on column acontext_sessions.settings.disable_task_tracking is
  'New sessions are not read by Acontext''s task agent, unless their creator says otherwise.';
comment on column acontext_sessions.settings.orphan_grace is
  'How old a remote resource that no session knows must be before reconcile queues it for deletion, unless its session has a receipt.';

-- What exceeded the limit that is new here, and what is left for the users' own calls.
update acontext_sessions.settings as s
set max_workers = least(s.max_workers, 28),
  concurrency = least(s.concurrency, 28 / least(s.max_workers, 28)),
  -- What cannot be deleted at once, because it was written to a moment ago or all slots are taken, should not wait long.
  retry_schedule = case when s.retry_schedule = '*/5 * * * *' then '* * * * *' else s.retry_schedule end
where s.only_row;

-- A new project has changed nothing.
delete from acontext_sessions.settings_log as l
where l.changed_at = acontext_sessions.clock() and not exists (select 1 from public.session_mappings);

alter table acontext_sessions.settings
  alter column concurrency set default 7,
  alter column retry_schedule set default '* * * * *',
  add constraint deletes_of_workers_within_limit check (max_workers * concurrency <= max_remote_deletes);

-- Security definer: the cron jobs must belong to the owner of the schema, no matter who changes a setting.
create or replace function acontext_sessions.apply_settings(p_changes jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_unknown text;
  v_old acontext_sessions.settings;
  v_new acontext_sessions.settings;
begin
  if p_changes is null or jsonb_typeof(p_changes) <> 'object' then
    raise sqlstate 'PT400' using message = 'Cannot change settings: not a JSON object';
  end if;
  select s.* into v_old from acontext_sessions.settings as s for update;

  select k into v_unknown
  from jsonb_object_keys(p_changes) as k
  where k in ('only_row', 'updated_at') or not to_jsonb(v_old) ? k
  order by k limit 1;
  if found then
    raise sqlstate 'PT400' using
      message = format('Cannot change settings: unknown setting %I', v_unknown);
  end if;

  begin
    v_new := jsonb_populate_record(v_old, p_changes);
    if v_new.max_workers * v_new.concurrency > v_new.max_remote_deletes then
      raise exception '% workers that each delete % at a time would exceed max_remote_deletes, which is %',
        v_new.max_workers, v_new.concurrency, v_new.max_remote_deletes;
    end if;
    update acontext_sessions.settings as s
    set cleanup_enabled = v_new.cleanup_enabled,
      cleanup_schedule = v_new.cleanup_schedule,
      retry_schedule = v_new.retry_schedule,
      reconcile_schedule = v_new.reconcile_schedule,
      session_ttl = v_new.session_ttl,
      provisioning_timeout = v_new.provisioning_timeout,
      deletion_grace = v_new.deletion_grace,
      orphan_grace = v_new.orphan_grace,
      touch_granularity = v_new.touch_granularity,
      max_sessions_per_user = v_new.max_sessions_per_user,
      max_workers = v_new.max_workers,
      max_per_run = v_new.max_per_run,
      concurrency = v_new.concurrency,
      max_remote_deletes = v_new.max_remote_deletes,
      max_messages_per_session = v_new.max_messages_per_session,
      disable_task_tracking = v_new.disable_task_tracking,
      max_expiry_fraction = v_new.max_expiry_fraction,
      max_expiry_minimum = v_new.max_expiry_minimum,
      log_retention = v_new.log_retention,
      updated_at = acontext_sessions.clock()
    where s.only_row
    returning s.* into v_new;
    perform acontext_sessions.schedule_jobs();
  exception when others then
    raise sqlstate 'PT400' using message = 'Cannot change settings: ' || sqlerrm;
  end;

  if v_new.session_ttl is distinct from v_old.session_ttl then
    -- What the expiry limit allowed before the change no longer holds.
    update acontext_sessions.runs as r set expiry_allowed = null where r.status <> 'finished';
    update acontext_sessions.restamp_state as t set after_id = '00000000-0000-0000-0000-000000000000' where t.only_row;
    perform acontext_sessions.restamp_sessions(2000);
  end if;
  return to_jsonb(v_new) - 'only_row';
end;
$$;

create or replace function public.acontext_begin_session(
  p_user_id uuid,
  p_session_id uuid,
  p_lease_id uuid,
  p_lease_seconds integer,
  p_metadata jsonb,
  p_pinned boolean,
  p_title text default null,
  p_ttl_seconds bigint default null
)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_lease_end timestamptz := v_now + make_interval(secs => least(p_lease_seconds, 120));
  v_session public.session_mappings;
  v_limit integer;
  v_taken_until timestamptz;
  v_deleted_owner uuid;
begin
  -- A concurrent call with the same id may insert or remove the row between our look and our insert.
  for v_round in 1..3 loop
    select s.* into v_session
    from public.session_mappings as s where s.id = p_session_id for update;

    if found then
      if v_session.user_id is distinct from p_user_id then
        return jsonb_build_object('outcome', 'not_found');
      elsif v_session.status = 'active' then
        return jsonb_build_object('outcome', 'existing', 'session', acontext_sessions.session_view(v_session));
      elsif v_session.status = 'deleting' then
        return jsonb_build_object('outcome', 'deleting');
      end if;
      -- The row lock above makes this look and the upsert below one step.
      select p.leased_until into v_taken_until
      from acontext_sessions.provisioning_leases as p
      where p.session_id = p_session_id and p.leased_until > v_now;
      if found then
        return jsonb_build_object(
          'outcome', 'busy',
          'retryAfterMs', ceil(extract(epoch from v_taken_until - v_now) * 1000)::bigint
        );
      end if;
      insert into acontext_sessions.provisioning_leases as p (session_id, lease_id, leased_until)
      values (p_session_id, p_lease_id, v_lease_end)
      on conflict (session_id) do update
        set lease_id = excluded.lease_id, leased_until = excluded.leased_until;
      -- What an earlier caller requested from Acontext may still be created.
      insert into acontext_sessions.uncertain_sessions as u (session_id, since)
      values (p_session_id, v_now)
      on conflict (session_id) do update set since = excluded.since;
      -- A sweep that is about to call the session stale looks once more at the row, but not at the lease.
      update public.session_mappings as s
      set last_activity_at = v_now
      where s.id = p_session_id
      returning s.* into v_session;
      return jsonb_build_object(
        'outcome', 'resumed',
        'session', acontext_sessions.session_view(v_session),
        'disableTaskTracking', (select t.disable_task_tracking from acontext_sessions.settings as t)
      );
    end if;

    select s.max_sessions_per_user into v_limit from acontext_sessions.settings as s;
    if v_limit is not null then
      perform pg_advisory_xact_lock(hashtextextended('quota:' || p_user_id::text, 0));
      if (
        select count(*) from public.session_mappings as s
        where s.user_id = p_user_id and s.status <> 'deleting'
      ) >= v_limit then
        return jsonb_build_object('outcome', 'quota_exceeded', 'limit', v_limit);
      end if;
    end if;

    begin
      insert into public.session_mappings as s (
        id, user_id, title, metadata, ttl, pinned, created_at, updated_at, last_activity_at
      )
      values (
        p_session_id, p_user_id, p_title, p_metadata, make_interval(secs => p_ttl_seconds), p_pinned,
        v_now, v_now, v_now
      )
      on conflict (id) do nothing
      returning s.* into v_session;
      -- A late answer to an earlier delete could still hit a new session of the same id, so no id lives twice. Looked at
      -- after the insert, because before it a whole life could pass between the look and the insert.
      select d.user_id into v_deleted_owner
      from (
        select l.user_id, l.log_id from acontext_sessions.deletion_log as l where l.origin_id = p_session_id
        union all
        -- What an earlier life left behind is found by the same mark, and about to be deleted.
        select q.user_id, null from acontext_sessions.deletion_queue as q where q.origin_id = p_session_id
      ) as d
      order by d.user_id is null, d.log_id
      limit 1;
      if found then
        raise sqlstate 'PT410';
      end if;
    exception
      when foreign_key_violation then
        return jsonb_build_object('outcome', 'unknown_user');
      when sqlstate 'PT410' then
        return jsonb_build_object(
          'outcome',
          case when v_deleted_owner = p_user_id then 'deleted' else 'not_found' end
        );
    end;
    if v_session.id is not null then
      insert into acontext_sessions.provisioning_leases (session_id, lease_id, leased_until)
      values (p_session_id, p_lease_id, v_lease_end);
      return jsonb_build_object(
        'outcome', 'started',
        'session', acontext_sessions.session_view(v_session),
        'disableTaskTracking', (select t.disable_task_tracking from acontext_sessions.settings as t)
      );
    end if;
  end loop;
  return jsonb_build_object('outcome', 'busy', 'retryAfterMs', 1000);
end;
$$;

select acontext_sessions.schedule_jobs();

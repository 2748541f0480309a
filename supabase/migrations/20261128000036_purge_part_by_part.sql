-- Purpose: what cannot be purged keeps nothing else, and health tells of it.
-- Risk: none; as before, a bounded number of rows at a time.

create function acontext_sessions.purge_unsettled_keys(p_before timestamptz, p_limit integer)
returns integer
language plpgsql
security invoker
volatile
set search_path = ''
as $$
declare
  v_session uuid;
  v_purged integer;
  v_count integer := 0;
begin
  -- Everybody locks a session before its keys; one that somebody holds is left for the next night.
  for v_session in
    select s.id from public.session_mappings as s
    where s.id in (
      select d.session_id from acontext_sessions.message_keys as d
      where d.message_id is null and d.counted and d.created_at < p_before
      limit p_limit
    )
    for no key update skip locked
  loop
    begin
      with purged as (
        delete from acontext_sessions.message_keys as k
        where k.session_id = v_session and k.message_id is null and k.counted and k.created_at < p_before
        returning 1
      ),
      uncounted as (
        update public.session_mappings as s
        set message_count = greatest(0, s.message_count - (select count(*) from purged)::integer)
        where s.id = v_session
      )
      select count(*)::integer into v_purged from purged;
      v_count := v_count + v_purged;
    exception when others then
      -- A trigger or a check of the app keeps its row as it is. The others go on.
      raise warning 'acontext_sessions: purge_failed: session %: % (%)', v_session, sqlerrm, sqlstate;
      if not acontext_sessions.passes_by_itself(sqlstate) then
        perform acontext_sessions.put_aside(v_session, 'purge', sqlstate);
      end if;
    end;
  end loop;
  return v_count;
end;
$$;

revoke execute on function acontext_sessions.purge_unsettled_keys(timestamptz, integer) from public, anon, authenticated, service_role;
comment on function acontext_sessions.purge_unsettled_keys(timestamptz, integer) is
  'Removes the keys of messages whose fate nobody learned and takes them off their sessions'' counts: how many.';

create or replace function acontext_sessions.purge_history()
returns integer
language plpgsql
security invoker
volatile
set search_path = ''
as $$
declare
  -- More than any project of this kind deletes in a day: a purge that falls behind is no purge.
  v_limit constant integer := 1000000;
  -- Read once: asked for each row, the time would cost more than the rest.
  v_now constant timestamptz := acontext_sessions.clock();
  -- What is set aside when it is no session.
  v_history constant uuid := '00000000-0000-0000-0000-000000000000'::uuid;
  v_before timestamptz;
  v_total integer := 0;
  v_count integer;
begin
  select v_now - s.log_retention into v_before from acontext_sessions.settings as s;

  -- Each in a block of its own: what cannot be purged keeps nothing else.
  begin
    -- Not before reconcile has found what its session may have left behind: the id could be used again.
    delete from acontext_sessions.deletion_log as l where l.log_id in (
      select d.log_id from acontext_sessions.deletion_log as d
      where d.finished_at < v_before
        and d.finished_at < (select t.reconciled_until from acontext_sessions.reconcile_state as t)
      order by d.finished_at limit v_limit
    );
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
  exception when others then
    raise warning 'acontext_sessions: purge_failed: deletion_log: % (%)', sqlerrm, sqlstate;
    if not acontext_sessions.passes_by_itself(sqlstate) then
      perform acontext_sessions.put_aside(v_history, 'purge', sqlstate);
    end if;
  end;

  begin
    delete from acontext_sessions.runs as r where r.id in (
      select d.id from acontext_sessions.runs as d
      where d.requested_at < v_before order by d.requested_at limit v_limit
    );
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
    delete from acontext_sessions.calls as c
    where not exists (select 1 from acontext_sessions.runs as r where r.id = c.run_id);
  exception when others then
    raise warning 'acontext_sessions: purge_failed: runs: % (%)', sqlerrm, sqlstate;
    if not acontext_sessions.passes_by_itself(sqlstate) then
      perform acontext_sessions.put_aside(v_history, 'purge', sqlstate);
    end if;
  end;

  begin
    delete from acontext_sessions.settings_log as l where l.log_id in (
      select d.log_id from acontext_sessions.settings_log as d
      where d.changed_at < v_before order by d.changed_at limit v_limit
    );
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
  exception when others then
    raise warning 'acontext_sessions: purge_failed: settings_log: % (%)', sqlerrm, sqlstate;
    if not acontext_sessions.passes_by_itself(sqlstate) then
      perform acontext_sessions.put_aside(v_history, 'purge', sqlstate);
    end if;
  end;

  begin
    -- A client that repeats a call does so within hours.
    delete from acontext_sessions.message_keys as k where (k.session_id, k.key_hash) in (
      select d.session_id, d.key_hash from acontext_sessions.message_keys as d
      where d.created_at < v_now - interval '2 days' and (d.message_id is not null or not d.counted)
      order by d.created_at limit v_limit
    );
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
  exception when others then
    raise warning 'acontext_sessions: purge_failed: message_keys: % (%)', sqlerrm, sqlstate;
    if not acontext_sessions.passes_by_itself(sqlstate) then
      perform acontext_sessions.put_aside(v_history, 'purge', sqlstate);
    end if;
  end;

  begin
    -- Of a message whose fate nobody learned it is not known whether it is stored: it no longer counts.
    v_total := v_total + acontext_sessions.purge_unsettled_keys(v_now - interval '2 days', v_limit);
  exception when others then
    raise warning 'acontext_sessions: purge_failed: message_keys: % (%)', sqlerrm, sqlstate;
    if not acontext_sessions.passes_by_itself(sqlstate) then
      perform acontext_sessions.put_aside(v_history, 'purge', sqlstate);
    end if;
  end;

  begin
    v_total := v_total + acontext_sessions.purge_rates();
  exception when others then
    raise warning 'acontext_sessions: purge_failed: user_rates: % (%)', sqlerrm, sqlstate;
    if not acontext_sessions.passes_by_itself(sqlstate) then
      perform acontext_sessions.put_aside(v_history, 'purge', sqlstate);
    end if;
  end;

  begin
    -- Other jobs of the project may want a longer history than a week; ours do not.
    if to_regclass('cron.job_run_details') is not null then
      delete from cron.job_run_details as d where d.runid in (
        -- By command: a recreated job has a new id. A run that a crash ended has no end time.
        select r.runid
        from cron.job_run_details as r
        where r.command like 'select acontext_sessions.%'
          and coalesce(r.end_time, r.start_time) < v_now - interval '7 days'
        order by r.runid limit v_limit
      );
      get diagnostics v_count = row_count;
      v_total := v_total + v_count;
    end if;
  exception when others then
    raise warning 'acontext_sessions: purge_failed: cron.job_run_details: % (%)', sqlerrm, sqlstate;
    if not acontext_sessions.passes_by_itself(sqlstate) then
      perform acontext_sessions.put_aside(v_history, 'purge', sqlstate);
    end if;
  end;

  -- What an earlier purge could not remove and this one could.
  delete from acontext_sessions.set_aside as a where a.step = 'purge' and a.next_attempt_at <= v_now;
  return v_total;
end;
$$;

comment on function acontext_sessions.purge_history() is
  'Removes receipts, runs and logged settings past log_retention, message keys after two days and our cron history after a week, a bounded number at a time; what cannot be removed keeps nothing else. What nobody learned the fate of is taken off its session''s count. Answers how many rows it removed.';

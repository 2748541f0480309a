-- Purpose: what is wrong with Vault, pg_net or pg_cron is said as what it is, and keeps nothing else from running.
-- Risk: none; new functions, and functions are replaced.

-- Vault

drop function acontext_sessions.worker_secrets();

create function acontext_sessions.worker_secrets(
  out project_url text, out secret_key text, out unusable text[], out problem text
)
language plpgsql
stable
security invoker
set search_path = ''
-- Whoever drops an extension waits for those at work, and everybody else waits for that.
set lock_timeout = '500ms'
as $$
declare
  v_url text;
  v_key text;
begin
  unusable := '{}';
  if to_regclass('vault.decrypted_secrets') is null then
    problem := 'off';
    return;
  end if;
  begin
    select d.decrypted_secret into v_url
    from vault.decrypted_secrets as d where d.name = 'acontext_sessions_project_url';
  exception when others then
    raise warning 'acontext_sessions: Vault cannot be read: % (%)', sqlerrm, sqlstate;
    problem := 'unreadable';
    if sqlstate = '55P03' then
      return;
    end if;
  end;
  -- By itself: calls are made without the key, whatever it is encrypted with.
  begin
    select d.decrypted_secret into v_key
    from vault.decrypted_secrets as d where d.name = 'acontext_sessions_secret_key';
  exception when others then
    v_key := '';
  end;
  project_url := acontext_sessions.usable_project_url(v_url);
  secret_key := acontext_sessions.usable_secret_key(v_key);
  unusable := array_remove(array[
    case when v_url is not null and project_url is null then 'acontext_sessions_project_url' end,
    case when v_key is not null and secret_key is null then 'acontext_sessions_secret_key' end
  ], null);
end;
$$;

revoke execute on function acontext_sessions.worker_secrets() from public, anon, authenticated, service_role;

comment on function acontext_sessions.worker_secrets() is
  'Where and with which key cleanup-sessions is called, from Vault. Each is null when it is missing or unusable; unusable names the latter, problem is "off" or, where the URL cannot be read, "unreadable". Raises nothing.';

create or replace function acontext_sessions.store_worker_secrets(p_project_url text, p_secret_key text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_url text := acontext_sessions.usable_project_url(p_project_url);
  v_key text := acontext_sessions.usable_secret_key(p_secret_key);
begin
  if v_url is null then
    raise sqlstate 'PT400' using
      message = 'Cannot store the secrets: the project''s URL is not one, with https:// and without blanks';
  end if;
  if v_key is null then
    raise sqlstate 'PT400' using
      message = 'Cannot store the secrets: the secret key is empty or has blanks in it';
  end if;
  if to_regclass('vault.secrets') is null then
    raise sqlstate 'PT409' using
      message = 'Cannot store the secrets: Vault is switched off',
      hint = 'Switch it on in the SQL editor: create extension supabase_vault with schema vault';
  end if;
  -- Made anew: Vault reads the old value before it replaces it, which fails when that cannot be read any more.
  delete from vault.secrets as s
  where s.name in ('acontext_sessions_project_url', 'acontext_sessions_secret_key');
  perform vault.create_secret(n.value, n.name, 'acontext-sessions: read by the dispatcher')
  from (values ('acontext_sessions_project_url', v_url), ('acontext_sessions_secret_key', v_key)) as n (name, value);
  -- Like a retry run, that is without expiring anything; who calls it does not wait for it.
  return jsonb_build_object(
    'projectUrl', v_url,
    'called', acontext_sessions.call_worker('sweep', 'manual', false, false)
  );
end;
$$;

comment on function acontext_sessions.store_worker_secrets(text, text) is
  'Stores both secrets of the dispatcher and calls a worker with them. See public.acontext_set_vault_secrets.';

comment on function public.acontext_set_vault_secrets(text, text) is
  'Replaces the project''s URL and the secret key in Vault, both at once, and calls cleanup-sessions with them: the next call in acontext_session_health shows whether they work. Answers the URL as stored, and whether pg_net took the call. Raises PT400 for what cannot be used, PT409 without Vault.';

-- Calls

create function acontext_sessions.waits_in_pg_net(p_run_id uuid)
returns boolean
language plpgsql
stable
security invoker
set search_path = ''
set lock_timeout = '500ms'
as $$
begin
  if to_regclass('net.http_request_queue') is null then
    return false;
  end if;
  -- pg_net deletes a request in the transaction that writes its answer: it is seen here until then.
  return exists (
    select 1 from acontext_sessions.calls as c
    join net.http_request_queue as q on q.id = c.request_id
    where c.run_id = p_run_id and c.answers_oid = to_regclass('net._http_response')
  );
exception when others then
  return false;
end;
$$;

revoke execute on function acontext_sessions.waits_in_pg_net(uuid) from public, anon, authenticated, service_role;

comment on function acontext_sessions.waits_in_pg_net(uuid) is
  'Whether the request that carries the run is still in pg_net''s queue, or under way.';

create function acontext_sessions.call_problem(p_run acontext_sessions.runs)
returns text
language plpgsql
stable
security invoker
set search_path = ''
set lock_timeout = '500ms'
as $$
declare
  v_request_id bigint;
  v_called_at timestamptz;
  v_status integer;
  v_timed_out boolean;
  v_content text;
  v_answered_at timestamptz;
begin
  if p_run.stop_reason = 'not_delivered' then
    return coalesce(p_run.errors -> 0 ->> 'error', 'unreachable');
  end if;
  if p_run.status <> 'requested' or to_regclass('net._http_response') is null then
    return null;
  end if;

  select c.request_id, c.called_at into v_request_id, v_called_at
  from acontext_sessions.calls as c
  where c.run_id = p_run.id and c.answers_oid = to_regclass('net._http_response');
  if not found then
    return 'lost';
  end if;

  -- An answer is dated by the beginning of its batch, which may have begun a moment before the call.
  select a.status_code, a.timed_out, a.content, a.created into v_status, v_timed_out, v_content, v_answered_at
  from net._http_response as a
  where a.id = v_request_id and a.created > v_called_at - interval '1 minute'
  limit 1;
  if found then
    if v_status is null then
      return case when v_timed_out then 'timeout' else 'unreachable' end;
    end if;
    -- Sent when the id that it carries was void: see acontext_take_run.
    if v_status = 401 and v_answered_at > v_called_at + interval '59 minutes' then
      return 'lost';
    end if;
    if v_status not between 200 and 299 then
      return 'http_' || v_status;
    end if;
    -- Whoever answers anything to anybody, and whoever repeats what it is sent, is not ours.
    if v_content is null or position(p_run.id::text in v_content) = 0
      or v_content !~ '"status"\s*:\s*"accepted"'
    then
      return 'wrong_server';
    end if;
    return case
      when p_run.requested_at <= acontext_sessions.clock() - acontext_sessions.run_timeout() then 'not_started'
    end;
  end if;
  if acontext_sessions.waits_in_pg_net(p_run.id) then
    return case when p_run.requested_at <= acontext_sessions.clock() - interval '2 minutes' then 'not_sent' end;
  end if;
  return case
    when p_run.requested_at <= acontext_sessions.clock() - acontext_sessions.run_timeout() then 'no_answer'
  end;
exception when others then
  -- What pg_net's tables look like is its own affair.
  raise warning 'acontext_sessions: the answers of pg_net cannot be read: % (%)', sqlerrm, sqlstate;
  return null;
end;
$$;

revoke execute on function acontext_sessions.call_problem(acontext_sessions.runs)
from public, anon, authenticated, service_role;

comment on function acontext_sessions.call_problem(acontext_sessions.runs) is
  'What is wrong with the call of a run: http_401 and the like, unreachable, timeout, wrong_server, not_sent (pg_net has it still), lost (in a crash, or sent too late), no_answer, not_started; null when nothing is. Raises nothing.';

create or replace function acontext_sessions.last_call()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'id', r.id,
    'task', r.task,
    'trigger', r.trigger,
    'requestedAt', r.requested_at,
    -- What was lost in a crash, or sent too late, is called again, as soon as something is due.
    'problem', nullif(acontext_sessions.call_problem(r.*::acontext_sessions.runs), 'lost')
  )
  from acontext_sessions.runs as r
  where r.request_id is not null
    or (r.stop_reason = 'not_delivered' and r.errors -> 0 ->> 'error' <> 'pg_net_off')
  order by r.requested_at desc, r.id
  limit 1;
$$;

comment on function acontext_sessions.last_call() is
  'The last run that was called through pg_net, and what is wrong with its call: see call_problem.';

create or replace function acontext_sessions.call_worker(
  p_task acontext_sessions.run_task, p_trigger acontext_sessions.run_trigger, p_expires_sessions boolean, p_force boolean
)
returns boolean
language plpgsql
volatile
security definer
set search_path = ''
set lock_timeout = '500ms'
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_run_id uuid := gen_random_uuid();
  v_url text;
  v_key text;
  v_vault text;
  v_request_id bigint;
  v_stop_reason text;
  v_error text;
begin
  select w.project_url, w.secret_key, w.problem into v_url, v_key, v_vault from acontext_sessions.worker_secrets() as w;
  if v_url is null or v_key is null then
    v_stop_reason := 'not_configured';
    v_error := 'vault_' || v_vault;
  elsif to_regclass('net._http_response') is null then
    v_stop_reason := 'not_delivered';
    v_error := 'pg_net_off';
  else
    begin
      v_request_id := net.http_post(
        url := v_url || '/functions/v1/cleanup-sessions',
        body := jsonb_build_object('runId', v_run_id, 'task', p_task, 'background', true),
        headers := jsonb_build_object('Content-Type', 'application/json', 'apikey', v_key),
        timeout_milliseconds := 10000
      );
    exception when others then
      raise warning 'acontext_sessions: pg_net takes no call: % (%)', sqlerrm, sqlstate;
      v_stop_reason := 'not_delivered';
      v_error := 'pg_net_' || sqlstate;
    end;
  end if;

  if v_stop_reason is not null then
    insert into acontext_sessions.runs (
      id, task, trigger, status, expires_sessions, force, requested_at, finished_at, stop_reason, errors
    )
    select v_run_id, p_task, p_trigger, 'finished', p_expires_sessions, p_force, v_now, v_now, v_stop_reason,
      case
        when v_error is null then '[]'::jsonb
        else jsonb_build_array(jsonb_build_object('id', v_run_id, 'error', v_error))
      end
    where not exists (
      select 1 from acontext_sessions.runs as r
      where r.task = p_task and r.stop_reason = v_stop_reason and r.request_id is null
        and r.requested_at > v_now - interval '1 hour'
        and r.errors -> 0 ->> 'error' is not distinct from v_error
    );
    return false;
  end if;

  insert into acontext_sessions.runs (id, task, trigger, status, expires_sessions, force, requested_at, request_id)
  values (v_run_id, p_task, p_trigger, 'requested', p_expires_sessions, p_force, v_now, v_request_id);
  insert into acontext_sessions.calls (run_id, request_id, answers_oid)
  values (v_run_id, v_request_id, to_regclass('net._http_response'));
  return true;
end;
$$;

comment on function acontext_sessions.call_worker(acontext_sessions.run_task, acontext_sessions.run_trigger, boolean, boolean) is
  'Asks pg_net to call the cleanup function once this transaction commits. False, and at most once an hour for each task and reason a finished run that says why, when Vault lacks a usable secret or pg_net takes no call.';

create function acontext_sessions.reconcile_was_missed()
returns boolean
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce((
    select r.stop_reason in ('not_delivered', 'not_configured')
      and (r.requested_at <= acontext_sessions.clock() - interval '1 hour' or r.errors -> 0 ->> 'error' = 'lost')
    from acontext_sessions.runs as r
    where r.task = 'reconcile' and r.trigger <> 'manual'
      and r.requested_at > acontext_sessions.clock() - interval '7 days'
    order by r.requested_at desc
    limit 1
  ), false);
$$;

revoke execute on function acontext_sessions.reconcile_was_missed() from public, anon, authenticated, service_role;

comment on function acontext_sessions.reconcile_was_missed() is
  'Whether nobody began the last scheduled search, so that the next retry calls for it again, once an hour, instead of waiting for the next week.';

create or replace function acontext_sessions.dispatch_sweep(
  p_trigger acontext_sessions.run_trigger, p_expires_sessions boolean, p_force boolean
)
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_settings acontext_sessions.settings;
  v_net text;
  v_expires_sessions boolean;
  v_due integer;
  v_busy integer;
  v_wanted integer;
begin
  -- A new session_ttl reaches all sessions soon, not only when the next run expires some.
  if p_trigger = 'retry' then
    begin
      perform acontext_sessions.restamp_sessions(2000);
    exception when others then
      -- The run that is about to expire sessions reports it.
      raise warning 'acontext_sessions: restamp_failed: % (%)', sqlerrm, sqlstate;
    end;
  end if;
  select s.* into v_settings from acontext_sessions.settings as s;
  if not v_settings.cleanup_enabled then
    return 0;
  end if;

  -- Deleted users do not wait for a run.
  begin
    if p_trigger = 'schedule' then
      perform acontext_sessions.find_erased_users();
    end if;
    if p_trigger in ('schedule', 'retry') then
      perform acontext_sessions.queue_erased(2000);
    end if;
  exception when others then
    raise warning 'acontext_sessions: erased_failed: % (%)', sqlerrm, sqlstate;
  end;

  -- Looked at once, not for each run, where somebody has locked it.
  v_net := acontext_sessions.net_facts() ->> 'state';
  -- A wrong key, a missing function, a wrong or unreachable address, a crash: the call is over and nobody works. Were it none
  -- of these and only slow, the worker finds its run finished and leaves the work to the next. So is a call that is as old
  -- as the credential which it carries may be: else each dispatch would look for its answer.
  update acontext_sessions.runs as r
  set status = 'finished',
    finished_at = v_now,
    stop_reason = 'not_delivered',
    errors = jsonb_build_array(jsonb_build_object('id', r.id, 'error', c.problem))
  from (
    select u.id, u.requested_at, acontext_sessions.call_problem(u.*::acontext_sessions.runs) as problem
    from acontext_sessions.runs as u
    where u.status = 'requested' and u.request_id is not null and v_net <> 'unreadable'
  ) as c
  where r.id = c.id and r.status = 'requested' and c.problem <> 'not_sent'
    and (c.problem not in ('no_answer', 'not_started') or c.requested_at <= v_now - interval '1 hour');

  if p_trigger = 'retry' and acontext_sessions.reconcile_was_missed() then
    perform acontext_sessions.dispatch_reconcile('retry');
  end if;

  v_expires_sessions := p_expires_sessions
    or (p_trigger = 'retry' and acontext_sessions.expiry_is_unfinished());
  v_due := acontext_sessions.count_due(
    v_expires_sessions, p_force, v_settings.max_workers * v_settings.max_per_run
  );
  -- The expiry limit hides what would expire; a run has to say so.
  if v_due = 0 and not (v_expires_sessions and not acontext_sessions.expiry_allowed(p_force)) then
    return 0;
  end if;

  -- One dispatcher decides at a time. A run that has not reported for this long is not coming back, unless pg_net still has
  -- its call.
  perform pg_advisory_xact_lock(hashtextextended('acontext_sessions.dispatch_sweep', 0));
  select count(*)::integer into v_busy
  from acontext_sessions.runs as r
  where r.status <> 'finished' and r.task = 'sweep'
    and (
      coalesce(r.started_at, r.requested_at) > v_now - acontext_sessions.run_timeout()
      or (r.status = 'requested' and v_net = 'ok' and acontext_sessions.waits_in_pg_net(r.id))
    );
  v_wanted := least(
    v_settings.max_workers,
    greatest(1, ceil(v_due::numeric / v_settings.max_per_run)::integer)
  ) - v_busy;
  if v_wanted <= 0 then
    return 0;
  end if;

  for v_worker in 1..v_wanted loop
    if not acontext_sessions.call_worker('sweep', p_trigger, v_expires_sessions, p_force) then
      return 0;
    end if;
  end loop;
  return v_wanted;
end;
$$;

comment on function acontext_sessions.dispatch_sweep(acontext_sessions.run_trigger, boolean, boolean) is
  'Calls as many background workers as the backlog needs and answers how many. Nothing due: no call. As the retry job, it also calls again for a reconcile run that nobody began.';

-- Schedules

create function acontext_sessions.cron_values(p_field text, p_low integer, p_high integer, p_names text[])
returns integer[]
language plpgsql
immutable
security invoker
set search_path = ''
as $$
declare
  v_item text;
  v_parts text[];
  v_from integer;
  v_to integer;
  v_values integer[] := array[]::integer[];
begin
  foreach v_item in array string_to_array(lower(p_field), ',') loop
    v_parts := regexp_match(v_item, '^(\*|\d{1,4}|[a-z]{3})(?:-(\d{1,4}|[a-z]{3}))?(?:/(\d{1,4}))?$');
    if v_parts is null then
      -- Whatever pg_cron takes it for.
      return array(select generate_series(p_low, p_high));
    end if;
    v_parts := array(
      select coalesce((array_position(p_names, t.part) - 1 + p_low)::text, t.part)
      from unnest(v_parts) with ordinality as t (part, place) order by t.place
    );
    if v_parts[1] = '*' then
      v_from := p_low;
      v_to := p_high;
    elsif v_parts[1] ~ '\D' or v_parts[2] ~ '\D' then
      return array(select generate_series(p_low, p_high));
    else
      v_from := v_parts[1]::integer;
      v_to := coalesce(v_parts[2], v_parts[1])::integer;
    end if;
    v_values := v_values || array(
      select generate_series(v_from, v_to, greatest(coalesce(v_parts[3], '1')::integer, 1))
    );
  end loop;
  return v_values;
end;
$$;

revoke execute on function acontext_sessions.cron_values(text, integer, integer, text[])
from public, anon, authenticated, service_role;

comment on function acontext_sessions.cron_values(text, integer, integer, text[]) is
  'The values that a field of a cron schedule allows: none for "5-1". All for what it does not understand.';

create function acontext_sessions.schedule_fault(p_schedule text)
returns text
language plpgsql
immutable
strict
security invoker
set search_path = ''
as $$
declare
  v_schedule text := lower(btrim(p_schedule, E' \t\r\n'));
  v_fields text[];
  v_days integer[];
  v_weekdays integer[];
  v_months integer[];
begin
  if v_schedule ~ '^@(reboot|restart)\M' then
    return 'only_at_start';
  end if;
  if v_schedule ~ '^@' or v_schedule ~ '^\d+\s*seconds?$' then
    return null;
  end if;
  v_fields := regexp_split_to_array(v_schedule, '\s+');
  if cardinality(v_fields) > 5 then
    return 'more_than_five_fields';
  end if;
  if cardinality(v_fields) < 5 then
    return null;
  end if;

  v_months := acontext_sessions.cron_values(
    v_fields[4], 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}'
  );
  if cardinality(acontext_sessions.cron_values(v_fields[1], 0, 59, '{}')) = 0
    or cardinality(acontext_sessions.cron_values(v_fields[2], 0, 23, '{}')) = 0
    or cardinality(v_months) = 0
  then
    return 'never';
  end if;
  v_weekdays := acontext_sessions.cron_values(v_fields[5], 0, 7, '{sun,mon,tue,wed,thu,fri,sat}');
  -- Of days that no month of these has, the 31st of February for example, none is left.
  select coalesce(array_agg(d.day), '{}') into v_days
  from unnest(acontext_sessions.cron_values(v_fields[3], 1, 31, '{}')) as d (day)
  where d.day <= (
    select max(case when m.month = 2 then 29 when m.month in (4, 6, 9, 11) then 30 else 31 end)
    from unnest(v_months) as m (month)
  );
  -- With a star in either, a day has to be allowed by both; else by one of them.
  if left(v_fields[3], 1) = '*' or left(v_fields[5], 1) = '*' then
    return case when cardinality(v_days) = 0 or cardinality(v_weekdays) = 0 then 'never' end;
  end if;
  return case when cardinality(v_days) = 0 and cardinality(v_weekdays) = 0 then 'never' end;
end;
$$;

revoke execute on function acontext_sessions.schedule_fault(text) from public, anon, authenticated, service_role;

comment on function acontext_sessions.schedule_fault(text) is
  'Why a schedule that pg_cron accepts is not what it looks like: never, only_at_start (@reboot), more_than_five_fields (pg_cron reads five); null when it is well.';

create or replace function acontext_sessions.schedule_job(p_name text, p_schedule text, p_command text)
returns void
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  if to_regclass('cron.job') is null then
    raise exception 'pg_cron is switched off; switch it on in the SQL editor: create extension pg_cron with schema pg_catalog';
  end if;
  -- cron.schedule keeps a deactivated job deactivated, so the job is recreated.
  perform cron.unschedule(j.jobname)
  from cron.job as j where j.jobname = p_name and j.username = current_user;
  perform cron.schedule(p_name, p_schedule, p_command);
end;
$$;

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
  v_schedule record;
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
    -- pg_cron accepts these. Those that were stored before stand in nobody's way; health tells them.
    select n.key, n.value into v_schedule
    from jsonb_each_text(to_jsonb(v_new)) as n
    where n.key like '%\_schedule' and n.value is distinct from to_jsonb(v_old) ->> n.key
      and acontext_sessions.schedule_fault(n.value) is not null
    order by n.key limit 1;
    if found then
      raise exception '% cannot be "%": %', v_schedule.key, v_schedule.value,
        case acontext_sessions.schedule_fault(v_schedule.value)
          when 'never' then 'that never comes'
          when 'only_at_start' then 'that comes only when the database starts'
          else 'pg_cron reads five fields and ignores the rest'
        end;
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
      refuse_banned_users = v_new.refuse_banned_users,
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
    begin
      perform acontext_sessions.restamp_sessions(2000);
    exception when others then
      -- The setting holds all the same; runs go on with the rest, and health tells when they cannot.
      raise warning 'acontext_sessions: restamp_failed: % (%)', sqlerrm, sqlstate;
    end;
  end if;
  return to_jsonb(v_new) - 'only_row';
end;
$$;

create or replace function acontext_sessions.purge_history()
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  -- More than any project of this kind deletes in a day: a purge that falls behind is no purge.
  v_limit constant integer := 1000000;
  -- Read once: asked for each row, the time would cost more than the rest.
  v_now constant timestamptz := acontext_sessions.clock();
  v_before timestamptz;
  v_total integer := 0;
  v_count integer;
  v_sessions uuid[];
begin
  select v_now - s.log_retention into v_before from acontext_sessions.settings as s;

  -- Not before reconcile has found what its session may have left behind: the id could be used again.
  delete from acontext_sessions.deletion_log as l where l.log_id in (
    select d.log_id from acontext_sessions.deletion_log as d
    where d.finished_at < v_before
      and d.finished_at < (select t.reconciled_until from acontext_sessions.reconcile_state as t)
    order by d.finished_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  delete from acontext_sessions.runs as r where r.id in (
    select d.id from acontext_sessions.runs as d
    where d.requested_at < v_before order by d.requested_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  delete from acontext_sessions.calls as c
  where not exists (select 1 from acontext_sessions.runs as r where r.id = c.run_id);

  delete from acontext_sessions.settings_log as l where l.log_id in (
    select d.log_id from acontext_sessions.settings_log as d
    where d.changed_at < v_before order by d.changed_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  -- A client that repeats a call does so within hours.
  delete from acontext_sessions.message_keys as k where (k.session_id, k.key_hash) in (
    select d.session_id, d.key_hash from acontext_sessions.message_keys as d
    where d.created_at < v_now - interval '2 days' and (d.message_id is not null or not d.counted)
    order by d.created_at limit v_limit
  );
  get diagnostics v_count = row_count;
  v_total := v_total + v_count;

  -- Of a message whose fate nobody learned it is not known whether it is stored: it no longer counts. Everybody locks a
  -- session before its keys; one that somebody holds is left for the next night.
  select coalesce(array_agg(f.id), '{}') into v_sessions
  from (
    select s.id from public.session_mappings as s
    where s.id in (
      select d.session_id from acontext_sessions.message_keys as d
      where d.message_id is null and d.counted and d.created_at < v_now - interval '2 days'
      limit v_limit
    )
    for no key update skip locked
  ) as f;
  with purged as (
    delete from acontext_sessions.message_keys as k
    where k.session_id = any (v_sessions) and k.message_id is null and k.counted
      and k.created_at < v_now - interval '2 days'
    returning k.session_id
  ),
  uncounted as (
    update public.session_mappings as s
    set message_count = greatest(0, s.message_count - p.messages)
    from (select u.session_id, count(*)::integer as messages from purged as u group by u.session_id) as p
    where s.id = p.session_id
  )
  select count(*)::integer into v_count from purged;
  v_total := v_total + v_count;

  if to_regclass('cron.job_run_details') is null then
    return v_total;
  end if;
  -- Other jobs of the project may want a longer history than a week; ours do not.
  delete from cron.job_run_details as d where d.runid in (
    -- By command: a recreated job has a new id. A run that a crash ended has no end time.
    select r.runid
    from cron.job_run_details as r
    where r.command like 'select acontext_sessions.%'
      and coalesce(r.end_time, r.start_time) < v_now - interval '7 days'
    order by r.runid limit v_limit
  );
  get diagnostics v_count = row_count;
  return v_total + v_count;
end;
$$;

-- What health tells

create function acontext_sessions.vault_facts()
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  -- An unusable value is never shown: it may be a key that was put in the wrong place.
  select jsonb_build_object(
    'state', coalesce(w.problem, 'ok'),
    'projectUrl', w.project_url,
    'secretKey', w.secret_key is not null,
    'unusable', to_jsonb(w.unusable)
  )
  from acontext_sessions.worker_secrets() as w;
$$;

revoke execute on function acontext_sessions.vault_facts() from public, anon, authenticated, service_role;

comment on function acontext_sessions.vault_facts() is 'Whether Vault can be read, and what it has that can be used. Raises nothing.';

create function acontext_sessions.net_facts()
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
set lock_timeout = '500ms'
as $$
declare
  v_waiting bigint;
  v_unlimited bigint;
begin
  if to_regclass('net.http_request_queue') is null or to_regclass('net._http_response') is null then
    return jsonb_build_object('state', 'off', 'waiting', 0, 'unlimited', 0);
  end if;
  select count(*), count(*) filter (where q.timeout_milliseconds <= 0) into v_waiting, v_unlimited
  from (select r.timeout_milliseconds from net.http_request_queue as r limit 10000) as q;
  perform 1 from net._http_response as a limit 1;
  return jsonb_build_object('state', 'ok', 'waiting', v_waiting, 'unlimited', v_unlimited);
exception when others then
  raise warning 'acontext_sessions: pg_net cannot be read: % (%)', sqlerrm, sqlstate;
  return jsonb_build_object('state', 'unreadable', 'waiting', 0, 'unlimited', 0);
end;
$$;

revoke execute on function acontext_sessions.net_facts() from public, anon, authenticated, service_role;

comment on function acontext_sessions.net_facts() is
  'Whether pg_net can be used, how many requests it has (counted up to 10,000), and how many of them without a time limit. Raises nothing.';

create function acontext_sessions.cron_facts()
returns jsonb
language plpgsql
stable
security invoker
set search_path = ''
set lock_timeout = '500ms'
as $$
declare
  v_jobs jsonb;
begin
  if to_regclass('cron.job') is null or to_regclass('cron.job_run_details') is null then
    return jsonb_build_object('state', 'off', 'jobs', '[]'::jsonb);
  end if;
  select jsonb_agg(
    jsonb_build_object(
      'name', n.name,
      'schedule', j.schedule,
      'fault', acontext_sessions.schedule_fault(j.schedule),
      'active', coalesce(j.active, false),
      'lastStatus', d.status,
      'lastStart', d.start_time
    ) order by n.name
  ) into v_jobs
  from unnest(array['cleanup', 'purge', 'reconcile', 'retry']) as n (name)
  left join cron.job as j
    on j.jobname = 'acontext-sessions-' || n.name and j.username = current_user
  left join lateral (
    select h.status, h.start_time
    from (
      -- The history has an index by run only, and other jobs of the project may have a long one.
      select r.jobid, r.runid, r.status, r.start_time
      from cron.job_run_details as r order by r.runid desc limit 1000
    ) as h
    where h.jobid = j.jobid and h.status in ('succeeded', 'failed')
    order by h.runid desc limit 1
  ) as d on true;
  return jsonb_build_object('state', 'ok', 'jobs', v_jobs);
exception when others then
  raise warning 'acontext_sessions: pg_cron cannot be read: % (%)', sqlerrm, sqlstate;
  return jsonb_build_object('state', 'unreadable', 'jobs', '[]'::jsonb);
end;
$$;

revoke execute on function acontext_sessions.cron_facts() from public, anon, authenticated, service_role;

comment on function acontext_sessions.cron_facts() is 'Whether pg_cron can be used, and our jobs. Raises nothing.';

create or replace function acontext_sessions.platform_facts()
returns jsonb
language plpgsql
stable
-- The tables of Vault, pg_cron and pg_net are the owner's to read, and those of the CLI's history.
security definer
set search_path = ''
as $$
declare
  v_cron jsonb := acontext_sessions.cron_facts();
  v_migrations text[];
  -- Created by the CLI; absent when migrations are applied another way.
  v_history regclass := to_regclass('supabase_migrations.schema_migrations');
begin
  if v_history is not null then
    execute format('select coalesce(array_agg(version order by version), ''{}'') from %s', v_history) into v_migrations;
  end if;
  return jsonb_build_object(
    'vault', acontext_sessions.vault_facts(),
    'net', acontext_sessions.net_facts(),
    'cron', v_cron ->> 'state',
    'jobs', v_cron -> 'jobs',
    'migration', v_migrations[cardinality(v_migrations)],
    'migrations', to_jsonb(v_migrations)
  );
end;
$$;

comment on function acontext_sessions.platform_facts() is
  'What health tells of the platform: whether Vault, pg_net and pg_cron are there and what they have of ours; the migrations that are applied.';

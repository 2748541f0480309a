-- Purpose: a scheduled call carries a credential that starts its own run once and does nothing else, not a key of the project.
-- Risk: low. A secret key that Vault has goes on being sent, so that functions deployed before go on being called.

create function public.acontext_take_run(p_run_id uuid, p_task acontext_sessions.run_task)
returns boolean
language plpgsql
volatile
security invoker
set search_path = ''
as $$
begin
  -- Of two at a time, the second finds it taken.
  update acontext_sessions.calls as c
  set taken_at = acontext_sessions.clock()
  from acontext_sessions.runs as r
  where c.run_id = p_run_id and c.taken_at is null
    and r.id = c.run_id and r.task = p_task and r.status = 'requested'
    and r.requested_at > acontext_sessions.clock() - interval '1 hour';
  return found;
end;
$$;

revoke execute on function public.acontext_take_run(uuid, acontext_sessions.run_task)
from public, anon, authenticated, service_role;
grant execute on function public.acontext_take_run(uuid, acontext_sessions.run_task) to service_role;

comment on function public.acontext_take_run(uuid, acontext_sessions.run_task) is
  'Whether whoever has this id may start the run: the dispatcher called it within the last hour, and nobody has taken or started it. True once.';

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
  if v_key is null and p_secret_key is not null then
    raise sqlstate 'PT400' using
      message = 'Cannot store the secrets: the secret key is empty or has blanks in it';
  end if;
  if to_regclass('vault.secrets') is null then
    raise sqlstate 'PT409' using
      message = 'Cannot store the secrets: Vault is switched off',
      hint = 'Switch it on in the SQL editor: create extension supabase_vault with schema vault';
  end if;
  -- Made anew: Vault reads the old value before it replaces it, which fails when that cannot be read any more. A key of
  -- before goes, so that nobody gets it sent elsewhere.
  delete from vault.secrets as s
  where s.name in ('acontext_sessions_project_url', 'acontext_sessions_secret_key');
  perform vault.create_secret(n.value, n.name, 'acontext-sessions: read by the dispatcher')
  from (values ('acontext_sessions_project_url', v_url), ('acontext_sessions_secret_key', v_key)) as n (name, value)
  where n.value is not null;
  -- Like a retry run, that is without expiring anything; who calls it does not wait for it.
  return jsonb_build_object(
    'projectUrl', v_url,
    'called', acontext_sessions.call_worker('sweep', 'manual', false, false)
  );
end;
$$;

comment on function acontext_sessions.store_worker_secrets(text, text) is
  'Stores what the dispatcher reads from Vault, and calls a worker with it. See public.acontext_set_vault_secrets.';

comment on function public.acontext_set_vault_secrets(text, text) is
  'Replaces the project''s URL in Vault, and the secret key or, with null, removes it: calls need none. Then calls cleanup-sessions: the next call in acontext_session_health shows whether it works. Answers the URL as stored, and whether pg_net took the call. Raises PT400 for what cannot be used, PT409 without Vault.';

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
  -- Unguessable, and a credential: whoever has it can start this run once, see public.acontext_take_run.
  v_run_id uuid := gen_random_uuid();
  v_url text;
  v_key text;
  v_vault text;
  v_request_id bigint;
  v_stop_reason text;
  v_error text;
begin
  select w.project_url, w.secret_key, w.problem into v_url, v_key, v_vault from acontext_sessions.worker_secrets() as w;
  if v_url is null then
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
        -- The key only where Vault has one: functions of before ask for it.
        headers := jsonb_strip_nulls(jsonb_build_object(
          'Content-Type', 'application/json', 'x-run-id', v_run_id, 'apikey', v_key
        )),
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
  'Asks pg_net to call the cleanup function once this transaction commits. False, and at most once an hour for each task and reason a finished run that says why, when Vault lacks a usable URL or pg_net takes no call.';

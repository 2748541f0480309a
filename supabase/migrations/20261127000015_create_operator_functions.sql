-- Purpose: what operators look at and do from outside the SQL editor.
-- Risk: none; new functions, for the service role alone.

create function public.acontext_list_runs(p_limit integer)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(jsonb_agg(acontext_sessions.run_view(r.*::acontext_sessions.runs) order by r.requested_at desc, r.id), '[]')
  from (
    select c.* from acontext_sessions.runs as c
    order by c.requested_at desc, c.id limit least(greatest(p_limit, 0), 1000)
  ) as r;
$$;

revoke execute on function public.acontext_list_runs(integer) from public, anon, authenticated, service_role;
grant execute on function public.acontext_list_runs(integer) to service_role;

comment on function public.acontext_list_runs(integer) is 'The last runs, newest first, at most 1,000.';

create function public.acontext_list_stuck(p_limit integer)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(jsonb_agg(
    jsonb_build_object(
      'id', q.id,
      'reason', q.reason,
      'attempts', q.attempts,
      'requestedAt', q.requested_at,
      'nextAttemptAt', q.next_attempt_at,
      'lastError', q.last_error,
      'sessionGone', q.session_gone_at is not null,
      'diskGone', q.disk_gone_at is not null,
      'acontextSessionId', q.acontext_session_id,
      'acontextDiskId', q.acontext_disk_id
    ) order by q.requested_at, q.id
  ), '[]')
  from (
    select d.* from acontext_sessions.deletion_queue as d
    where d.attempts >= acontext_sessions.stuck_attempts()
    order by d.requested_at, d.id limit least(greatest(p_limit, 0), 1000)
  ) as q;
$$;

revoke execute on function public.acontext_list_stuck(integer) from public, anon, authenticated, service_role;
grant execute on function public.acontext_list_stuck(integer) to service_role;

comment on function public.acontext_list_stuck(integer) is
  'Deletions that failed ten times or more and are still tried, oldest first, at most 1,000.';

create function acontext_sessions.seconds_until(p_time timestamptz)
returns bigint
language sql
stable
security invoker
set search_path = ''
as $$
  select greatest(0, ceil(extract(epoch from p_time - acontext_sessions.clock())))::bigint;
$$;

revoke execute on function acontext_sessions.seconds_until(timestamptz) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.seconds_until(timestamptz) to service_role;

comment on function acontext_sessions.seconds_until(timestamptz) is 'Whole seconds from now until a time; 0 when it has passed.';

create function public.acontext_retry_deletion(p_id uuid)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now timestamptz := acontext_sessions.clock();
  v_entry acontext_sessions.deletion_queue;
begin
  select q.* into v_entry from acontext_sessions.deletion_queue as q where q.id = p_id for update;
  if not found then
    return jsonb_build_object('outcome', 'not_found');
  end if;
  if v_entry.leased_until > v_now then
    return jsonb_build_object('outcome', 'leased', 'dueInSeconds', acontext_sessions.seconds_until(v_entry.leased_until));
  end if;
  -- Nobody has begun to delete it: within the grace period its owner may still restore it.
  if v_entry.first_claimed_at is null and v_entry.next_attempt_at > v_now then
    return jsonb_build_object('outcome', 'in_grace', 'dueInSeconds', acontext_sessions.seconds_until(v_entry.next_attempt_at));
  end if;
  -- What was put off for a minute may still be under way in Acontext: two deletes of one id must not overlap.
  if v_entry.next_attempt_at > v_now + interval '1 minute' then
    update acontext_sessions.deletion_queue as q set next_attempt_at = v_now where q.id = p_id;
    v_entry.next_attempt_at := v_now;
  end if;
  return jsonb_build_object('outcome', 'due', 'dueInSeconds', acontext_sessions.seconds_until(v_entry.next_attempt_at));
end;
$$;

revoke execute on function public.acontext_retry_deletion(uuid) from public, anon, authenticated, service_role;
grant execute on function public.acontext_retry_deletion(uuid) to service_role;

comment on function public.acontext_retry_deletion(uuid) is
  'Makes a failed deletion due now instead of after its backoff. Outcomes: due, leased (a worker holds it), in_grace, not_found.';

create function public.acontext_count_user_data(p_user_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'sessions', (select count(*) from public.session_mappings as s where s.user_id = p_user_id),
    'queued', (select count(*) from acontext_sessions.deletion_queue as q where q.user_id = p_user_id)
  );
$$;

revoke execute on function public.acontext_count_user_data(uuid) from public, anon, authenticated, service_role;
grant execute on function public.acontext_count_user_data(uuid) to service_role;

comment on function public.acontext_count_user_data(uuid) is
  'What is left of a user: sessions that have this owner, and deletions that were queued for it.';

-- Security definer: it calls a worker. The address is never changed without the key: otherwise a caller could have
-- a key that somebody else put into Vault sent to an address of their own.
create function acontext_sessions.store_worker_secrets(p_project_url text, p_secret_key text)
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
  perform
    case
      when s.id is null then vault.create_secret(n.value, n.name, 'acontext-sessions: read by the dispatcher')::text
      else vault.update_secret(s.id, n.value)::text
    end
  from (values ('acontext_sessions_project_url', v_url), ('acontext_sessions_secret_key', v_key)) as n (name, value)
  left join vault.secrets as s on s.name = n.name;
  -- Like a retry run, that is without expiring anything; who calls it does not wait for it.
  perform acontext_sessions.call_worker('sweep', 'manual', false, false);
  return jsonb_build_object('projectUrl', v_url);
end;
$$;

revoke execute on function acontext_sessions.store_worker_secrets(text, text) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.store_worker_secrets(text, text) to service_role;

comment on function acontext_sessions.store_worker_secrets(text, text) is
  'Stores both secrets of the dispatcher and calls a worker with them. See public.acontext_set_vault_secrets.';

create function public.acontext_set_vault_secrets(p_project_url text, p_secret_key text)
returns jsonb
language sql
volatile
security invoker
set search_path = ''
as $$
  select acontext_sessions.store_worker_secrets(p_project_url, p_secret_key);
$$;

revoke execute on function public.acontext_set_vault_secrets(text, text) from public, anon, authenticated, service_role;
grant execute on function public.acontext_set_vault_secrets(text, text) to service_role;

comment on function public.acontext_set_vault_secrets(text, text) is
  'Replaces the project''s URL and the secret key in Vault, both at once, and calls cleanup-sessions with them: the next call in acontext_session_health shows whether they work. Answers the URL as stored. Raises PT400 for what cannot be used.';

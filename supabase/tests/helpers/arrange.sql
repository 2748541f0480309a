-- Included by every test inside its transaction: fixed time, two users, and steps that arrange a state.
-- The runner makes the extensions pgtap and plpgsql_check in schema extensions, as superuser.

set local search_path = public, extensions;
set local client_min_messages = warning;
set local timezone = 'UTC';
set local tests.now = '2026-01-10 12:00:00+00';
set local tests.jitter = '0';

create or replace function private.clock()
returns timestamptz
language sql
stable
set search_path = ''
as $$
  select current_setting('tests.now')::timestamptz;
$$;

create or replace function private.jitter()
returns double precision
language sql
volatile
set search_path = ''
as $$
  select current_setting('tests.jitter')::double precision;
$$;

create schema tests;

create function tests.pass(p_time interval)
returns void
language sql
as $$
  select set_config('tests.now', (private.clock() + p_time)::text, true);
$$;

create function tests.alice() returns uuid immutable language sql
as $$ select 'a1111111-1111-4111-8111-111111111111'::uuid $$;

create function tests.bob() returns uuid immutable language sql
as $$ select 'b2222222-2222-4222-8222-222222222222'::uuid $$;

-- The uuid 00000000-…-n with a kind in front, so that a failing test names what it is about.
create function tests.session(p_number integer) returns uuid immutable language sql
as $$ select ('5e550000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid $$;

create function tests.disk(p_number integer) returns uuid immutable language sql
as $$ select ('d15c0000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid $$;

create function tests.lease(p_number integer) returns uuid immutable language sql
as $$ select ('1ea50000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid $$;

create function tests.run(p_number integer) returns uuid immutable language sql
as $$ select ('40000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid $$;

insert into auth.users (id, email)
values (tests.alice(), 'alice@example.com'), (tests.bob(), 'bob@example.com');

create function tests.begin(
  p_number integer,
  p_user_id uuid default tests.alice(),
  p_lease integer default 1,
  p_ttl_seconds bigint default null,
  p_pinned boolean default false,
  p_lease_seconds integer default 60
)
returns jsonb
language sql
as $$
  select public.begin_session(
    p_user_id, tests.session(p_number), tests.lease(p_lease), p_lease_seconds, '{}', p_pinned, null, p_ttl_seconds
  );
$$;

-- As against a server that honours the id we choose: the remote session has the row's id.
create function tests.activate(p_number integer, p_lease integer default 1)
returns jsonb
language sql
as $$
  select public.activate_session(
    tests.session(p_number), tests.lease(p_lease), tests.session(p_number), tests.disk(p_number), '{}', '{}', false
  );
$$;

create function tests.make_active(
  p_number integer,
  p_user_id uuid default tests.alice(),
  p_ttl_seconds bigint default null,
  p_pinned boolean default false
)
returns void
language plpgsql
as $$
begin
  perform tests.begin(p_number, p_user_id, p_ttl_seconds => p_ttl_seconds, p_pinned => p_pinned);
  perform tests.activate(p_number);
end;
$$;

create function tests.request_deletion(
  p_number integer,
  p_user_id uuid default tests.alice(),
  p_lease integer default 2
)
returns jsonb
language sql
as $$
  select public.request_session_deletion(p_user_id, tests.session(p_number), tests.lease(p_lease), 80);
$$;

-- A deletion that is queued and that nobody has claimed.
create function tests.queue(p_number integer)
returns void
language sql
as $$
  delete from public.session_mappings where id = tests.session(p_number);
$$;

create function tests.claim(p_lease integer default 3, p_limit integer default 100)
returns setof uuid
language sql
as $$
  select (d ->> 'id')::uuid
  from jsonb_array_elements(public.claim_deletions(tests.lease(p_lease), p_limit, 80)) with ordinality as e (d, n)
  order by n;
$$;

create function tests.settlement(
  p_number integer,
  p_session text default null,
  p_disk text default null,
  p_otherwise text default null,
  p_error text default null
)
returns jsonb
language sql
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'id', tests.session(p_number), 'session', p_session, 'disk', p_disk,
    'otherwise', coalesce(p_otherwise, case when p_session is null or p_disk is null then 'failed' else 'released' end),
    'error', p_error
  ));
$$;

create function tests.settle(variadic p_settlements jsonb[])
returns jsonb
language sql
as $$
  select public.settle_deletions(tests.lease(3), to_jsonb(p_settlements));
$$;

create function tests.status(p_number integer)
returns text
language sql
as $$
  select s.status::text from public.session_mappings as s where s.id = tests.session(p_number);
$$;

-- What the queue holds for a session, as `reason/remote session/remote disk`, each remote id as `own`, `none` or itself.
create function tests.queued(p_number integer)
returns text
language sql
as $$
  select concat_ws('/',
    q.reason,
    case
      when q.acontext_session_id is null then 'none'
      when q.acontext_session_id = tests.session(p_number) then 'own'
      else q.acontext_session_id::text
    end,
    case
      when q.acontext_disk_id is null then 'none'
      when q.acontext_disk_id = tests.disk(p_number) then 'own'
      else q.acontext_disk_id::text
    end
  )
  from private.deletion_queue as q where q.id = tests.session(p_number);
$$;

-- How long from now until a queued deletion is due.
create function tests.due_in(p_number integer)
returns interval
language sql
as $$
  select q.next_attempt_at - private.clock()
  from private.deletion_queue as q where q.id = tests.session(p_number);
$$;

-- A scheduled run, already started.
create function tests.start_run(
  p_number integer,
  p_expires_sessions boolean default true,
  p_force boolean default false,
  p_trigger private.run_trigger default 'nightly'
)
returns jsonb
language plpgsql
as $$
begin
  insert into private.cleanup_runs (id, trigger, status, expires_sessions, force)
  values (tests.run(p_number), p_trigger, 'requested', p_expires_sessions, p_force);
  return public.start_cleanup_run(tests.run(p_number), false);
end;
$$;

grant usage on schema tests to anon, authenticated, service_role;
grant execute on all functions in schema tests to anon, authenticated, service_role;

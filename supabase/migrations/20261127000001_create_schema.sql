-- Purpose: the schema of this project, and the extensions that the schedule needs.
-- Risk: none; a new schema.

create extension if not exists pg_cron with schema pg_catalog;

create extension if not exists pg_net with schema extensions;

create extension if not exists supabase_vault with schema vault;

-- Projects often have a schema of this name already. Never add it to the API's exposed schemas: it holds the deletion queue and the receipts.
create schema acontext_sessions;

-- A project may have default privileges that give its API's roles all of a new object: what is ours begins with nothing, then gets what it needs.
revoke all on schema acontext_sessions from public, anon, authenticated, service_role;

grant usage on schema acontext_sessions to service_role;

create function acontext_sessions.clock()
returns timestamptz
language sql
stable
security invoker
set search_path = ''
as $$
  select now();
$$;

revoke execute on function acontext_sessions.clock() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.clock() to service_role;

comment on function acontext_sessions.clock() is
  'The time, as all SQL of this project reads it. One function, so that a test database can replace it.';

create function acontext_sessions.random()
returns double precision
language sql
volatile
security invoker
set search_path = ''
as $$
  select random();
$$;

revoke execute on function acontext_sessions.random() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.random() to service_role;

comment on function acontext_sessions.random() is
  'A random number in [0, 1) that spreads retries. One function, so that a test database can replace it.';

create function acontext_sessions.run_timeout()
returns interval
language sql
immutable
security invoker
set search_path = ''
as $$
  select interval '7 minutes';
$$;

revoke execute on function acontext_sessions.run_timeout() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.run_timeout() to service_role;

comment on function acontext_sessions.run_timeout() is
  'A run that has not ended after this long is not coming back: longer than any worker lives.';

create function acontext_sessions.stuck_attempts()
returns integer
language sql
immutable
security invoker
set search_path = ''
as $$
  select 10;
$$;

revoke execute on function acontext_sessions.stuck_attempts() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.stuck_attempts() to service_role;

comment on function acontext_sessions.stuck_attempts() is
  'A deletion that failed this often is stuck: it is still tried, and an operator should look.';

-- Purpose: the schema of this project, and the extensions that the schedule needs.
-- Risk: none; a new schema.

create extension if not exists pg_cron with schema pg_catalog;

create extension if not exists pg_net with schema extensions;

create extension if not exists supabase_vault with schema vault;

-- Projects often have a schema of this name already. Never add it to the API's exposed schemas: it holds the deletion queue and the receipts.
create schema private;

grant usage on schema private to service_role;

create function private.clock()
returns timestamptz
language sql
stable
security invoker
set search_path = ''
as $$
  select now();
$$;

revoke execute on function private.clock() from public, anon, authenticated;
grant execute on function private.clock() to service_role;

comment on function private.clock() is
  'The time, as all SQL of this project reads it. One function, so that a test database can replace it.';

create function private.jitter()
returns double precision
language sql
volatile
security invoker
set search_path = ''
as $$
  select random();
$$;

revoke execute on function private.jitter() from public, anon, authenticated;
grant execute on function private.jitter() to service_role;

comment on function private.jitter() is
  'A random number in [0, 1) that spreads retries. One function, so that a test database can replace it.';

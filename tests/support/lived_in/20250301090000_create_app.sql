-- An app that was there first: a project of the kind that has existed for years, with names that this project once used.

-- What hosted projects had by default, and what some add for every schema.
alter default privileges in schema public grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to postgres, anon, authenticated, service_role;
alter default privileges for role postgres grant all on tables to anon, authenticated, service_role;
alter default privileges for role postgres grant all on functions to anon, authenticated, service_role;
alter default privileges for role postgres grant all on sequences to anon, authenticated, service_role;
alter default privileges for role postgres grant all on types to anon, authenticated, service_role;
alter default privileges for role postgres grant usage on schemas to anon, authenticated, service_role;

create extension if not exists pg_cron with schema pg_catalog;
create extension if not exists pg_net with schema extensions;

create schema private;

create table private.settings (
  name text primary key,
  value text not null
);
insert into private.settings (name, value) values ('session_ttl', '2 hours'), ('cleanup_enabled', 'no');

create table private.runs (
  id bigint generated always as identity primary key,
  started_at timestamptz not null default now()
);

create function private.clock()
returns timestamptz
language sql
stable
set search_path = ''
as $$ select timestamptz '2000-01-01 00:00:00+00' $$;

create function private.random()
returns double precision
language sql
volatile
set search_path = ''
as $$ select 0.25::double precision $$;

create type public.session_status as enum ('open', 'closed');
comment on type public.session_status is 'Of the app';

create table public.rooms (
  id bigint generated always as identity primary key,
  owner_id uuid not null references auth.users (id) on delete cascade,
  status public.session_status not null default 'open',
  changed_at timestamptz not null default private.clock()
);
comment on table public.rooms is 'Of the app';
create index rooms_owner_id on public.rooms (owner_id);
alter table public.rooms enable row level security;
create policy "Owners see their active sessions" on public.rooms for select to authenticated
  using ((select auth.uid()) = owner_id and status = 'open');
create policy "Owners edit their active sessions" on public.rooms for update to authenticated
  using ((select auth.uid()) = owner_id);

create function private.stamp_session()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.changed_at := private.clock();
  return new;
end;
$$;
create trigger stamp_session
  before insert or update on public.rooms
  for each row execute function private.stamp_session();

create table public.profiles (
  id uuid primary key references auth.users (id) on delete cascade,
  email text
);
comment on table public.profiles is 'Of the app';
alter table public.profiles enable row level security;
create policy "Everybody sees themselves" on public.profiles for select to authenticated
  using ((select auth.uid()) = id);

create function private.handle_new_user()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.profiles (id, email) values (new.id, new.email);
  return new;
end;
$$;
create trigger on_auth_user_created
  after insert on auth.users
  for each row execute function private.handle_new_user();

create function public.begin_session(p_user_id uuid)
returns bigint
language sql
set search_path = ''
as $$ insert into public.rooms (owner_id) values (p_user_id) returning id $$;
comment on function public.begin_session(uuid) is 'Of the app';

create function public.list_runs(p_limit integer)
returns setof private.runs
language sql
stable
set search_path = ''
as $$ select r.* from private.runs as r order by r.id desc limit p_limit $$;
comment on function public.list_runs(integer) is 'Of the app';

create function public.session_health()
returns text
language sql
stable
set search_path = ''
as $$ select 'fine'::text $$;
comment on function public.session_health() is 'Of the app';

-- With our prefix, and one even with the name of a function of ours in another schema.
create function public.acontext_greeting()
returns text
language sql
stable
set search_path = ''
as $$ select 'hello'::text $$;
comment on function public.acontext_greeting() is 'Of the app';

create function private.acontext_begin_session(p_user_id uuid)
returns uuid
language sql
stable
set search_path = ''
as $$ select p_user_id $$;

select vault.create_secret('https://app.example.com', 'project_url', 'Where the app is');
select vault.create_secret('a secret of the app', 'secret_key', 'For a service of the app');

select cron.schedule('cleanup', '0 0 1 1 *', 'select private.clock()');
select cron.schedule('acontext-nightly', '0 0 2 1 *', 'select private.random()');

-- Roles, schemas and grants as a new Supabase project has them. Run once, by the superuser, in an empty database.

create role anon nologin;
create role authenticated nologin;
create role service_role nologin bypassrls;
create role authenticator login noinherit;
grant anon, authenticated, service_role to authenticator;

-- The role of migrations and of the dashboard's SQL editor: powerful, but no superuser.
create role postgres login createrole createdb replication bypassrls;
grant anon, authenticated, service_role to postgres with admin option;
grant pg_read_all_data, pg_monitor, pg_signal_backend to postgres;
alter database postgres owner to postgres;

create role supabase_auth_admin login noinherit;

alter role anon set statement_timeout = '3s';
alter role authenticated set statement_timeout = '8s';
alter role service_role set statement_timeout = '8s';
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';
alter role postgres set search_path = "$user", public, extensions;
alter role supabase_admin set search_path = "$user", public, auth, extensions;
alter role supabase_auth_admin set search_path = auth;

create schema extensions;
grant usage on schema extensions to anon, authenticated, service_role, supabase_auth_admin;
grant all on schema extensions to postgres;
create extension pgcrypto with schema extensions;
create extension "uuid-ossp" with schema extensions;
grant all on all routines in schema extensions to postgres;

-- New objects get no grants (auto_expose_new_tables = false); the schema itself is open.
grant usage on schema public to postgres, anon, authenticated, service_role;

create extension supabase_vault;

-- PostgREST learns of changes by itself.
create function extensions.pgrst_ddl_watch() returns event_trigger
  language plpgsql
as $$
begin
  if exists (
    select from pg_event_trigger_ddl_commands()
    where coalesce(schema_name, '') not in ('pg_temp', 'auth')
      and command_tag ~ '^(CREATE|ALTER) (SCHEMA|TABLE|TABLE AS|VIEW|MATERIALIZED VIEW|FUNCTION|TYPE|TRIGGER|RULE)$'
  ) then
    notify pgrst, 'reload schema';
  end if;
end
$$;
create event trigger pgrst_ddl_watch on ddl_command_end execute function extensions.pgrst_ddl_watch();

create function extensions.pgrst_drop_watch() returns event_trigger
  language plpgsql
as $$
begin
  if exists (
    select from pg_event_trigger_dropped_objects()
    where not is_temporary
      and object_type in ('schema', 'table', 'view', 'materialized view', 'function', 'type', 'trigger', 'rule')
  ) then
    notify pgrst, 'reload schema';
  end if;
end
$$;
create event trigger pgrst_drop_watch on sql_drop execute function extensions.pgrst_drop_watch();

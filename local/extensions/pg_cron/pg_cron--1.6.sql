-- The SQL surface of pg_cron 1.6 with the grants the Supabase platform gives. The scheduler is a client
-- (local/cron_worker.ts).
--
-- Upstream's functions are written in C and act as their caller. Here the public functions hand the caller's name to
-- `_`-prefixed security definer functions, which is good enough for one developer's machine and not for more.

create schema cron;

create sequence cron.jobid_seq;
create sequence cron.runid_seq;

create table cron.job (
  jobid bigint primary key default nextval('cron.jobid_seq'),
  schedule text not null,
  command text not null,
  nodename text not null default 'localhost',
  nodeport integer not null default inet_server_port(),
  database text not null default current_database(),
  username text not null default current_user,
  active boolean not null default true,
  jobname text,
  constraint jobname_username_uniq unique (jobname, username)
);
alter table cron.job enable row level security;
create policy cron_job_policy on cron.job using (username = current_user);
grant select on cron.job to public;

create table cron.job_run_details (
  jobid bigint,
  runid bigint primary key default nextval('cron.runid_seq'),
  job_pid integer,
  database text,
  username text,
  command text,
  status text,
  return_message text,
  start_time timestamptz,
  end_time timestamptz
);
alter table cron.job_run_details enable row level security;
create policy cron_job_run_details_policy on cron.job_run_details using (username = current_user);
grant select, delete on cron.job_run_details to public;

select pg_catalog.pg_extension_config_dump('cron.job', '');
select pg_catalog.pg_extension_config_dump('cron.jobid_seq', '');
select pg_catalog.pg_extension_config_dump('cron.job_run_details', '');
select pg_catalog.pg_extension_config_dump('cron.runid_seq', '');

-- Whether a field is one: ranges with commas in between, `*`, `a` or `a-b`, but for a single number with an optional
-- `/step`; names where the field has any. What follows the last range is ignored, as upstream does.
create function cron._is_valid_field(field text, low integer, high integer, names text[])
  returns boolean
  language plpgsql
  immutable
  set search_path = ''
as $$
declare
  rest text := field;
  parts text[];
  bound text;
  number integer;
begin
  loop
    -- Star, first number, `-` and second, `/` and step, rest.
    parts := regexp_match(
      rest, '^(?:(\*)|([A-Za-z0-9]+)(-[A-Za-z0-9]*)?)(/[A-Za-z0-9]*)?(.*)$');
    if parts is null or (parts[1] is null and parts[3] is null and parts[4] is not null) then
      return false;
    end if;
    if parts[4] is not null
      and (parts[4] !~ '^/[0-9]{1,9}$' or substring(parts[4] from 2)::integer not between 1 and high)
    then
      return false;
    end if;
    foreach bound in array array[parts[2], substring(parts[3] from 2)] loop
      continue when bound is null;
      number := coalesce(
        array_position(names, lower(bound)) - 1 + low,
        case when bound ~ '^[0-9]{1,9}$' then bound::integer end);
      if number is null or number not between low and high then
        return false;
      end if;
    end loop;
    exit when parts[5] not like ',%';
    rest := substring(parts[5] from 2);
  end loop;
  return true;
end
$$;

-- Five fields and whatever follows them, or one of the special forms. `local/cron_schedule.ts` knows when they are due.
create function cron._check_schedule(schedule text)
  returns void
  language plpgsql
  immutable
  set search_path = ''
as $$
declare
  months constant text[] := '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}';
  weekdays constant text[] := '{sun,mon,tue,wed,thu,fri,sat}';
  lows constant integer[] := '{0,0,1,1,0}';
  highs constant integer[] := '{59,23,31,12,7}';
  seconds constant text := substring(schedule from '(?i)^\s*\+?([0-9]{1,9})\s*second(?:s\s*)?$');
  rest constant text := regexp_replace(schedule, '^([ \t]*(#[^\n]*)?\n)*[ \t]*', '');
  fields constant text[] := regexp_match(
    rest, '^([^ \t\n]+)[ \t]+([^ \t\n]+)[ \t]+([^ \t\n]+)[ \t]+([^ \t\n]+)[ \t]+([^ \t\n]+)');
  valid boolean;
begin
  if seconds::integer between 1 and 59
    or rest ~ '^@(reboot|restart|yearly|annually|monthly|weekly|daily|midnight|hourly)([ \t\n]|$)'
  then
    return;
  end if;
  select bool_and(
    -- `$` is the last day of the month.
    (n = 3 and fields[n] = '$')
    or cron._is_valid_field(fields[n], lows[n], highs[n],
      case n when 4 then months when 5 then weekdays else '{}' end))
  into valid
  from generate_series(1, cardinality(fields)) as n;
  if valid is not true then
    raise exception using
      errcode = 'invalid_parameter_value',
      message = format('invalid schedule: %s', schedule),
      hint = 'Use cron format (e.g. 5 4 * * *), or interval format ''[1-59] seconds''';
  end if;
end
$$;

create function cron._is_superuser(role_name text)
  returns boolean
  language sql
  stable
  set search_path = ''
as $$
  select rolsuper from pg_catalog.pg_roles where rolname = role_name
$$;

create function cron._upsert_job(
  job_name text, schedule text, command text, database text, username text, active boolean, caller text
)
  returns bigint
  language plpgsql
  security definer
  set search_path = ''
as $$
declare
  id bigint;
begin
  if schedule is null then
    raise exception 'schedule can not be NULL';
  elsif command is null then
    raise exception 'command can not be NULL';
  end if;
  perform cron._check_schedule(schedule);
  if username is not null and not cron._is_superuser(caller) then
    raise exception 'must be superuser to create a job for another role';
  end if;
  if not exists (select from pg_catalog.pg_database as d where d.datname = database) then
    raise exception using
      errcode = '3D000',
      message = format('database "%s" does not exist', database);
  end if;
  insert into cron.job as j (jobname, schedule, command, database, username, active)
  values (job_name, schedule, command, database, coalesce(username, caller), active)
  on conflict on constraint jobname_username_uniq do update
    set schedule = excluded.schedule, command = excluded.command, database = excluded.database
  returning j.jobid into id;
  return id;
end
$$;

create function cron._delete_job(job_id bigint, job_name text, caller text)
  returns boolean
  language plpgsql
  security definer
  set search_path = ''
as $$
begin
  delete from cron.job as j
  where j.username = caller and (j.jobid = job_id or j.jobname = job_name);
  if not found then
    raise exception '%', format(
      'could not find valid entry for job %s', coalesce(quote_literal(job_name), job_id::text));
  end if;
  return true;
end
$$;

create function cron._alter_job(
  job_id bigint, new_schedule text, new_command text, new_database text, new_username text, new_active boolean,
  caller text
)
  returns void
  language plpgsql
  security definer
  set search_path = ''
as $$
begin
  if new_username is not null and not cron._is_superuser(caller) then
    raise exception 'must be superuser to alter username';
  end if;
  if new_schedule is not null then
    perform cron._check_schedule(new_schedule);
  end if;
  if num_nonnulls(new_schedule, new_command, new_database, new_username, new_active) = 0 then
    raise exception using
      message = 'no updates specified',
      hint = 'You must specify at least one job attribute to change when calling alter_job';
  end if;
  update cron.job as j
  set
    schedule = coalesce(new_schedule, j.schedule),
    command = coalesce(new_command, j.command),
    database = coalesce(new_database, j.database),
    username = coalesce(new_username, j.username),
    active = coalesce(new_active, j.active)
  where j.jobid = job_id and j.username = caller;
  if not found then
    raise exception 'Job % does not exist or you don''t own it', job_id;
  end if;
end
$$;

create function cron.schedule(schedule text, command text)
  returns bigint
  language plpgsql
  set search_path = ''
as $$
begin
  return cron._upsert_job(null, schedule, command, current_database(), null, true, current_user);
end
$$;
comment on function cron.schedule(text, text) is 'schedule a pg_cron job';

create function cron.schedule(job_name text, schedule text, command text)
  returns bigint
  language plpgsql
  set search_path = ''
as $$
begin
  if job_name is null then
    raise exception 'job_name can not be NULL';
  end if;
  return cron._upsert_job(job_name, schedule, command, current_database(), null, true, current_user);
end
$$;
comment on function cron.schedule(text, text, text) is 'schedule a pg_cron job';

create function cron.schedule_in_database(
  job_name text, schedule text, command text, database text, username text default null, active boolean default true
)
  returns bigint
  language plpgsql
  set search_path = ''
as $$
begin
  if job_name is null then
    raise exception 'job_name can not be NULL';
  end if;
  return cron._upsert_job(job_name, schedule, command, database, username, active, current_user);
end
$$;
comment on function cron.schedule_in_database(text, text, text, text, text, boolean) is 'schedule a pg_cron job';

create function cron.unschedule(job_id bigint)
  returns boolean
  language sql
  strict
  set search_path = ''
as $$
  select cron._delete_job(job_id, null, current_user)
$$;
comment on function cron.unschedule(bigint) is 'unschedule a pg_cron job';

create function cron.unschedule(job_name text)
  returns boolean
  language sql
  strict
  set search_path = ''
as $$
  select cron._delete_job(null, job_name, current_user)
$$;
comment on function cron.unschedule(text) is 'unschedule a pg_cron job';

create function cron.alter_job(
  job_id bigint, schedule text default null, command text default null, database text default null,
  username text default null, active boolean default null
)
  returns void
  language sql
  set search_path = ''
as $$
  select cron._alter_job(job_id, schedule, command, database, username, active, current_user)
$$;
comment on function cron.alter_job(bigint, text, text, text, text, boolean)
  is 'Alter the job identified by job_id. Any option left as NULL will not be modified.';

revoke all on function cron.schedule_in_database(text, text, text, text, text, boolean) from public;
revoke all on function cron.alter_job(bigint, text, text, text, text, boolean) from public;

do $$
begin
  if exists (select from pg_roles where rolname = 'postgres') then
    grant usage on schema cron to postgres with grant option;
    grant all on all functions in schema cron to postgres with grant option;
    grant all on cron.job_run_details to postgres with grant option;
    revoke trigger on cron.job_run_details from postgres;
    grant select on cron.job to postgres with grant option;
  end if;
end
$$;

-- Owners who are missing from auth.users without having been deleted there, as after a restore that has not come to the users yet.
begin;
\ir helpers/arrange.psql
select no_plan();

create function tests.user_id(p_number integer) returns uuid immutable language sql
as $$ select ('c3330000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid $$;
create function tests.add_users(p_from integer, p_to integer) returns void language sql
as $$ insert into auth.users (id) select tests.user_id(n) from generate_series(p_from, p_to) as n $$;
-- As a restore without them does it: no trigger of ours tells of it.
create function tests.lose_users(p_from integer, p_to integer) returns void language plpgsql
as $$
begin
  delete from auth.users as u where u.id in (select tests.user_id(n) from generate_series(p_from, p_to) as n);
end $$;
create function tests.looked(p_trigger acontext_sessions.run_trigger default 'schedule', p_force boolean default false)
returns text language plpgsql
as $$
begin
  perform acontext_sessions.dispatch_sweep(p_trigger, true, p_force);
  return format(
    '%s queued, %s held back', (select count(*) from acontext_sessions.deletion_queue),
    public.acontext_session_health(1) #>> '{queue,missingOwners,count}'
  );
end $$;
grant execute on all functions in schema tests to service_role;

create or replace function acontext_sessions.note_erased_users() returns trigger language plpgsql
as $$ begin return null; end $$;
select tests.add_users(1, 400);
select tests.make_active(n, tests.user_id(n)) from generate_series(1, 400) as n;

-- A few
select tests.lose_users(1, 20);
update acontext_sessions.settings set cleanup_enabled = false;
select is(tests.looked(), '0 queued, 0 held back', 'with the cleanup off nobody is looked for');
insert into acontext_sessions.erased_users (user_id) values (tests.user_id(1));
select is(tests.looked('retry'), '0 queued, 0 held back', 'nor is anything queued');
update acontext_sessions.settings set cleanup_enabled = true;
select is(tests.looked(), '20 queued, 0 held back', 'a twentieth of all owners is plausible');

-- Too many
select tests.lose_users(21, 40);
select is(tests.looked(), '20 queued, 20 held back', 'more than that is not: the sessions of all of them stay');
select is(tests.looked('schedule', true), '20 queued, 20 held back', 'also when a run is forced, which confirms an expiry');
select is(tests.looked('retry'), '20 queued, 20 held back', 'and with the steps of the retry job');
select is(acontext_sessions.count_erased(100), 0, 'no run has anything to do for that');
select tests.start_run(1, p_force => true);
select is(public.acontext_queue_due_sessions(tests.run(1), 100) ->> 'erased', null, 'nor does it anything');

-- Deleted all the same
update auth.users set deleted_at = acontext_sessions.clock() where id in (select tests.user_id(n) from generate_series(41, 43) as n);
select is(tests.looked(), '23 queued, 20 held back', 'who is deleted softly is known to be deleted');

-- There again
select tests.add_users(21, 30);
select is(acontext_sessions.find_erased_users(), 10, 'a look after users are there again finds the others plausible');
select is(tests.looked('retry'), '33 queued, 0 held back', 'and their sessions are queued');

-- Nobody is there
select tests.lose_users(1, 400);
delete from auth.users where true;
delete from public.session_mappings where user_id not in (select tests.user_id(n) from generate_series(41, 53) as n);
select is(tests.looked() ~ ', 10 held back$', true, 'as long as there are no users at all, nobody counts as deleted');
select is(tests.status(50), 'active', 'however few they are');
select is(acontext_sessions.find_erased_users(true), 10, 'unless somebody confirms it');
select tests.looked('retry');
select is(tests.queued(50), 'user_deleted/own/own', 'then their sessions are queued');

select * from finish();
rollback;

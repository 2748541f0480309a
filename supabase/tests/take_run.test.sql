-- The id of a called run is a credential: it starts that run once, and nothing else.
begin;
\ir helpers/arrange.psql
select no_plan();
delete from vault.secrets where name in ('acontext_sessions_project_url', 'acontext_sessions_secret_key');
select vault.create_secret('https://abc.supabase.co', 'acontext_sessions_project_url');
delete from acontext_sessions.runs where true;

create function tests.called(p_task text default 'sweep') returns uuid language plpgsql
as $$
declare
  v_before uuid[] := array(select r.id from acontext_sessions.runs as r);
  v_id uuid;
begin
  perform acontext_sessions.call_worker(p_task::acontext_sessions.run_task, 'schedule', true, false);
  select r.id into strict v_id from acontext_sessions.runs as r where r.id <> all (v_before);
  return v_id;
end;
$$;
create function tests.take(p_run_id uuid, p_task text default 'sweep') returns boolean language sql
as $$ select public.acontext_take_run(p_run_id, p_task::acontext_sessions.run_task) $$;
-- As PostgREST calls it.
prepare take as select public.acontext_take_run(p_run_id => $1, p_task => 'sweep');
grant execute on all functions in schema tests to service_role, anon, authenticated;
create temporary table run as select tests.called() as id;
grant select on run to service_role, anon, authenticated;

select ok(
  (select bool_and(r.id::text ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab]') from acontext_sessions.runs as r),
  'the id is a random one'
);
select is(tests.take(gen_random_uuid()), false, 'an id that is guessed starts nothing');
select is(tests.take(null), false, 'nor does none');
select is((select tests.take(id, 'reconcile') from run), false, 'nor does the id for another task');
set local role service_role;
select is((select tests.take(id) from run), true, 'the id starts its run');
select is((select tests.take(id) from run), false, 'once');
reset role;
select is(
  (select r.status::text from acontext_sessions.runs as r), 'requested', 'which then goes on as any run that was called'
);
select is((select public.acontext_start_sweep(id, false) ->> 'outcome' from run), 'started', 'it starts');
select is((select tests.take(id) from run), false, 'and is not taken again while it works');
select public.acontext_finish_sweep(id, '{"stopReason": "empty"}') from run;
select is((select tests.take(id) from run), false, 'nor when it has finished');
update acontext_sessions.calls set taken_at = null where true;
select is((select tests.take(id) from run), false, 'were it not marked either');

-- A call whose run has begun in another way, as by an operator with a key
update run set id = tests.called();
select public.acontext_start_sweep(id, false) from run;
select is((select tests.take(id) from run), false, 'a run that somebody else has begun is not started again');

-- Time
update run set id = tests.called();
select tests.pass(interval '59 minutes 59 seconds');
savepoint in_time;
select is((select tests.take(id) from run), true, 'the id is good for an hour');
rollback to savepoint in_time;
select tests.pass(interval '1 second');
select is((select tests.take(id) from run), false, 'and no longer');

-- What was not called
insert into acontext_sessions.runs (id, task, trigger, status) values (tests.run(1), 'sweep', 'manual', 'requested');
select is(tests.take(tests.run(1)), false, 'a run without a call is not to be taken, as after a crash');
select is(tests.take(tests.called('reconcile'), 'reconcile'), true, 'a reconcile is taken like a sweep');
update run set id = tests.called();
set local role service_role;
select is((select public.acontext_start_sweep(gen_random_uuid(), false) ->> 'outcome'), 'started', 'a key goes on starting runs of its own');
reset role;

-- Who may ask
set local role anon;
select throws_ok(
  format('execute take(%L)', (select id from run)), '42501', 'permission denied for function acontext_take_run',
  'nobody may take a run over the API'
);
reset role;
set local role authenticated;
select throws_ok(
  format('execute take(%L)', (select id from run)), '42501', 'permission denied for function acontext_take_run', 'no user either'
);
select throws_ok(
  'select * from acontext_sessions.calls', '42501', 'permission denied for schema acontext_sessions', 'nor see which were called'
);
reset role;

select * from finish();
rollback;

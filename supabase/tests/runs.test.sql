-- Starting and finishing runs: once each, whatever pg_net delivers twice; chained while work is left.
begin;
\ir helpers/arrange.psql
select no_plan();
select vault.create_secret('http://127.0.0.1:1', 'acontext_sessions_project_url') where not exists (
  select 1 from vault.secrets where name = 'acontext_sessions_project_url'
);
select vault.create_secret('sb_secret_test', 'acontext_sessions_secret_key') where not exists (
  select 1 from vault.secrets where name = 'acontext_sessions_secret_key'
);
create function tests.calls() returns integer language sql
as $$ select count(*)::integer from net.http_request_queue $$;
create function tests.calls_before() returns integer language sql
as $$ select current_setting('tests.calls')::integer $$;
select set_config('tests.calls', tests.calls()::text, true);
grant execute on all functions in schema tests to service_role;
update acontext_sessions.settings set concurrency = 2;

-- Starting
set local role service_role;
select is(
  public.acontext_start_sweep(tests.run(1), false),
  '{"outcome": "started", "settings": {"maxPerRun": 2000, "concurrency": 2, "msPerMessage": null, "usualProbeMs": null}}'::jsonb,
  'a run that nobody requested is a manual one'
);
select results_eq(
  'select trigger::text, status::text, force, expires_sessions, started_at, finished_at from acontext_sessions.runs',
  $$values ('manual', 'running', false, true, acontext_sessions.clock(), null::timestamptz)$$, 'it is recorded as running'
);
select is(
  public.acontext_start_sweep(tests.run(1), true), '{"outcome": "duplicate"}'::jsonb, 'it starts only once'
);
select ok(not (select force from acontext_sessions.runs), 'the second delivery changes nothing');
reset role;
insert into acontext_sessions.runs (id, task, trigger, status, expires_sessions)
values (tests.run(2), 'sweep', 'retry', 'requested', false);
set local role service_role;
select is(
  public.acontext_start_sweep(tests.run(2), true) ->> 'outcome', 'started', 'a requested run starts'
);
select is(
  (select (trigger, status, force, expires_sessions)::text from acontext_sessions.runs where id = tests.run(2)),
  '(retry,running,t,f)', 'as what it was requested'
);
select is(
  public.acontext_start_sweep(tests.run(2), true), '{"outcome": "duplicate"}'::jsonb, 'delivered twice, it starts once'
);

-- Finishing
select tests.pass(interval '1 minute');
select is(
  public.acontext_finish_sweep(
    tests.run(2),
    '{"total": 5, "deleted": 2, "failed": 1, "deferred": 2, "stopReason": "empty", "errors": [{"id": "x", "error": "y"}]}'
  ),
  '{"remaining": 0, "dispatched": 0}'::jsonb, 'a run that left nothing ends the chain'
);
select is(
  (select (status, finished_at, total, deleted, failed, deferred, stop_reason, errors)::text
   from acontext_sessions.runs where id = tests.run(2)),
  ('finished', acontext_sessions.clock(), 5, 2, 1, 2, 'empty', '[{"id": "x", "error": "y"}]'::jsonb)::text, 'its result is recorded'
);
select is(
  public.acontext_finish_sweep(tests.run(2), '{"total": 9, "stopReason": "limit"}'),
  '{"remaining": 0, "dispatched": 0}'::jsonb, 'a run ends only once'
);
select is((select total from acontext_sessions.runs where id = tests.run(2)), 5, 'the second result is not recorded');
select is(public.acontext_start_sweep(tests.run(2), false) ->> 'outcome', 'duplicate', 'a finished run never starts again');
select is(
  public.acontext_finish_sweep(tests.run(99), '{}'), '{"remaining": 0, "dispatched": 0}'::jsonb,
  'an unknown run has no end'
);
select is(tests.calls(), tests.calls_before(), 'nothing left to do: nobody was called');

-- Chaining
reset role;
select tests.make_active(n) from generate_series(1, 3) as n;
select tests.queue(n) from generate_series(1, 3) as n;
select public.acontext_finish_sweep(tests.run(1), '{"total": 1, "stopReason": "limit"}');
select is(tests.calls(), tests.calls_before(), 'a manual run calls nobody, whatever it leaves');
select tests.start_run(n, false, p_trigger => 'retry') from generate_series(11, 16) as n;
update acontext_sessions.runs set started_at = acontext_sessions.clock() - interval '1 hour' where id <> tests.run(11);
select is(
  public.acontext_finish_sweep(tests.run(11), '{"total": 1, "stopReason": "empty"}'), '{"remaining": 3, "dispatched": 0}'::jsonb,
  'a run that says it found nothing more calls nobody'
);
select is(
  public.acontext_finish_sweep(tests.run(12), '{"total": 1, "stopReason": "outage"}') -> 'dispatched', '0'::jsonb,
  'a run that met an outage leaves the rest to the schedule'
);
set local role service_role;
select is(
  public.acontext_finish_sweep(tests.run(13), '{"total": 1, "stopReason": "limit"}'), '{"remaining": 3, "dispatched": 1}'::jsonb,
  'a scheduled run that reached its limit calls the next'
);
reset role;
select is(tests.calls(), tests.calls_before() + 1, 'by one call');
select is(
  (select (status, expires_sessions)::text from acontext_sessions.runs where trigger = 'chain'), '(requested,f)',
  'the next run is recorded as chained, and expires sessions only if the first did'
);
select is(
  public.acontext_finish_sweep(tests.run(14), '{"total": 1, "stopReason": "time_budget"}') -> 'dispatched', '0'::jsonb,
  'while one is under way that suffices for the backlog, nobody else is called'
);
update acontext_sessions.runs set status = 'finished', stop_reason = 'empty' where trigger = 'chain';
select is(
  public.acontext_finish_sweep(tests.run(15), '{"total": 1, "stopReason": "shutdown"}') -> 'dispatched', '1'::jsonb,
  'a run that was shut down calls the next'
);

-- Chaining, after progress only
update acontext_sessions.runs set status = 'finished', stop_reason = 'empty' where trigger = 'chain';
select tests.start_run(n, false, p_trigger => 'retry') from generate_series(21, 26) as n;
update acontext_sessions.runs set started_at = acontext_sessions.clock() - interval '1 hour' where status = 'running';
select is(
  public.acontext_finish_sweep(tests.run(21), '{"total": 0, "stopReason": "time_budget"}') -> 'dispatched', '0'::jsonb,
  'a run that never got to anything calls nobody'
);
select is(
  public.acontext_finish_sweep(tests.run(22), '{"total": 2, "deferred": 2, "stopReason": "limit"}') -> 'dispatched', '0'::jsonb,
  'nor does one that gave back all it took'
);
select is(
  public.acontext_finish_sweep(tests.run(23), '{"total": 2, "deferred": 2, "stopReason": "shutdown"}') -> 'dispatched', '0'::jsonb,
  'even when it was shut down'
);
select is(
  public.acontext_finish_sweep(tests.run(24), '{"total": 2, "failed": 1, "deferred": 1, "stopReason": "time_budget"}')
    -> 'dispatched',
  '1'::jsonb, 'a failure is progress: what failed backs off'
);
update acontext_sessions.runs set status = 'finished', stop_reason = 'empty' where trigger = 'chain';
update acontext_sessions.runs set expired = 1 where id = tests.run(25);
select is(
  public.acontext_finish_sweep(tests.run(25), '{"stopReason": "time_budget"}') -> 'dispatched', '1'::jsonb,
  'so is a session that expired'
);
update acontext_sessions.runs set status = 'finished', stop_reason = 'empty' where trigger = 'chain';
update acontext_sessions.restamp_state set after_id = tests.session(1);
select is(
  public.acontext_finish_sweep(tests.run(26), '{"stopReason": "time_budget"}') -> 'dispatched', '1'::jsonb,
  'so is a step towards a new session_ttl'
);
update acontext_sessions.runs set status = 'finished', stop_reason = 'empty' where trigger = 'chain';
select tests.pass(interval '1 minute');
select tests.start_run(27, false, p_trigger => 'retry');
update acontext_sessions.restamp_state set after_id = tests.session(1);
select is(
  public.acontext_finish_sweep(tests.run(27), '{"stopReason": "time_budget"}') -> 'dispatched', '0'::jsonb,
  'but not one that was made before the run'
);

-- Not enabled
update acontext_sessions.settings set cleanup_enabled = false;
select is(
  public.acontext_finish_sweep(tests.run(16), '{"total": 1, "stopReason": "limit"}'), '{"remaining": 3, "dispatched": 0}'::jsonb,
  'not enabled: no chain'
);
set local role service_role;
select is(
  public.acontext_start_sweep(tests.run(20), true), '{"outcome": "disabled"}'::jsonb, 'not enabled: a run does not start'
);
select is(
  (select (status, stop_reason, finished_at)::text from acontext_sessions.runs where id = tests.run(20)),
  ('finished', 'disabled', acontext_sessions.clock())::text, 'and says so'
);
reset role;

select * from finish();
rollback;

-- A platform that is ill: each fault is told as what it is, raises nothing, and keeps nothing else from running. What takes a
-- superuser, to switch an extension off for example, is in tests/integration/platform_faults.test.ts.
begin;
\ir helpers/arrange.psql
select no_plan();
delete from acontext_sessions.runs where true;

create function tests.platform(variadic p_path text[]) returns jsonb language sql
as $$ select public.acontext_session_health(10) #> p_path $$;
create function tests.last_run() returns text language sql
as $$
  select concat_ws(' ', r.status, r.stop_reason, r.errors -> 0 ->> 'error')
  from acontext_sessions.runs as r order by r.requested_at desc, r.id limit 1
$$;
create function tests.forget() returns void language sql
as $$ delete from acontext_sessions.runs where true $$;
-- Something is due, a new session_ttl has to be followed, and history is old enough to be purged
select tests.put_secret('acontext_sessions_project_url', 'https://abc.supabase.co');
select tests.put_secret('acontext_sessions_secret_key', null);
select tests.make_active(1);
select tests.queue(1);
select tests.pass(acontext_sessions.write_gap());
create function tests.retried() returns text language plpgsql
as $$
begin
  perform tests.forget();
  update acontext_sessions.restamp_state set after_id = '00000000-0000-0000-0000-000000000000' where only_row;
  perform acontext_sessions.dispatch_sweep('retry', false, false);
  return concat_ws(', ',
    coalesce((select tests.last_run()), 'no run'),
    case when (select t.after_id from acontext_sessions.restamp_state as t) is null then 'restamped' else 'not restamped' end
  );
end;
$$;
select is(tests.retried(), 'requested, restamped', 'all is well');
select is(
  array[tests.platform('vault', 'state'), tests.platform('net', 'state'), tests.platform('cron')],
  array['"ok"', '"ok"', '"ok"']::jsonb[], 'and health says so'
);

-- Calls and their answers
select tests.forget();
create function tests.called(p_number integer, p_answer text default null, p_status integer default 202)
returns text language plpgsql
as $$
declare
  v_problem text;
begin
  insert into acontext_sessions.runs (id, task, trigger, status, requested_at, request_id)
  values (tests.run(p_number), 'sweep', 'retry', 'requested', acontext_sessions.clock(), 1000000 + p_number);
  insert into acontext_sessions.calls (run_id, request_id, answers_oid)
  values (tests.run(p_number), 1000000 + p_number, 'net._http_response'::regclass);
  insert into net._http_response (id, status_code, content)
  values (1000000 + p_number, p_status, p_answer);
  v_problem := coalesce(tests.platform('runs', 'lastCall', 'problem') #>> '{}', 'none');
  delete from net._http_response where id = 1000000 + p_number;
  delete from acontext_sessions.runs where id = tests.run(p_number);
  return v_problem;
end;
$$;
select is(tests.called(n, answer), problem, problem || ' for ' || coalesce(answer, 'nothing'))
from (values
  (1, json_build_object('runId', tests.run(1), 'status', 'accepted')::text, 'none'),
  (2, '{ "status" : "accepted", "runId": "' || tests.run(2) || '" }', 'none'),
  (3, json_build_object('runId', tests.run(99), 'status', 'accepted')::text, 'wrong_server'),
  (4, json_build_object('runId', tests.run(4), 'task', 'sweep', 'background', true)::text, 'wrong_server'),
  (5, '<html>Welcome</html>', 'wrong_server'),
  (6, null, 'wrong_server')
) as a (n, answer, problem);

insert into acontext_sessions.runs (id, task, trigger, status, requested_at, request_id)
values (tests.run(10), 'sweep', 'retry', 'requested', acontext_sessions.clock(), 1000010);
insert into net._http_response (id, status_code) values (1000010, 401);
select is(
  tests.platform('runs', 'lastCall', 'problem'), 'null'::jsonb,
  'an answer of somebody else''s request, numbered like one that a crash has lost, is not taken for ours'
);
select is(
  acontext_sessions.call_problem(r.*::acontext_sessions.runs), 'lost', 'the call is known for lost'
)
from acontext_sessions.runs as r where r.id = tests.run(10);
select is(acontext_sessions.dispatch_sweep('retry', false, false), 1, 'and is replaced at once');
select is(
  (select r.errors -> 0 ->> 'error' from acontext_sessions.runs as r where r.id = tests.run(10)), 'lost', 'as its run says'
);
select tests.forget();
insert into acontext_sessions.runs (id, task, trigger, status, requested_at, request_id)
values (tests.run(11), 'sweep', 'retry', 'requested', acontext_sessions.clock(), 1000011);
insert into acontext_sessions.calls (run_id, request_id, answers_oid) values (tests.run(11), 1000011, 0);
select is(
  acontext_sessions.call_problem(r.*::acontext_sessions.runs), 'lost', 'so is one from before pg_net was switched off and on'
)
from acontext_sessions.runs as r where r.id = tests.run(11);
update acontext_sessions.calls
set answers_oid = 'net._http_response'::regclass, called_at = now() + interval '2 minutes' where run_id = tests.run(11);
insert into net._http_response (id, status_code) values (1000011, 401);
select is(
  acontext_sessions.call_problem(r.*::acontext_sessions.runs), null, 'an answer that is older than the call is not its answer'
)
from acontext_sessions.runs as r where r.id = tests.run(11);

-- What pg_net sends after more than an hour is refused, because its id is void
create function tests.refused_after(p_time interval) returns text language plpgsql
as $$
declare
  v_problem text;
begin
  perform tests.forget();
  delete from acontext_sessions.calls where true;
  insert into acontext_sessions.runs (id, task, trigger, status, request_id)
  values (tests.run(12), 'reconcile', 'schedule', 'requested', 1000012);
  insert into acontext_sessions.calls (run_id, request_id, answers_oid, called_at)
  values (tests.run(12), 1000012, 'net._http_response'::regclass, now() - p_time);
  insert into net._http_response (id, status_code, created) values (1000012, 401, now());
  select acontext_sessions.call_problem(r.*::acontext_sessions.runs) into v_problem from acontext_sessions.runs as r;
  delete from net._http_response where id = 1000012;
  return v_problem;
end;
$$;
select is(tests.refused_after('59 minutes'), 'http_401', 'a call that is refused within the hour is refused for another reason');
select is(tests.refused_after('1 hour'), 'lost', 'one that came later is lost');

-- Somebody else's request that never ends
select tests.forget();
insert into net.http_request_queue (method, url, timeout_milliseconds) values ('GET', 'http://127.0.0.1:1/', 0);
select is(acontext_sessions.dispatch_sweep('retry', false, false), 1, 'a call is made');
select tests.pass(interval '119 seconds');
select is(tests.platform('runs', 'lastCall', 'problem'), 'null'::jsonb, 'a call may wait for two minutes');
select tests.pass(interval '1 second');
select is(tests.platform('runs', 'lastCall', 'problem'), '"not_sent"'::jsonb, 'then pg_net is held up');
select cmp_ok((tests.platform('net', 'unlimited'))::integer, '>=', 1, 'by a request without a time limit');
select tests.pass(interval '1 hour');
select is(acontext_sessions.dispatch_sweep('retry', false, false), 0, 'no further call is made while one waits');
select is(tests.platform('runs', 'lastCall', 'problem'), '"not_sent"'::jsonb, 'however long that is');
delete from net.http_request_queue as q using acontext_sessions.calls as c where q.id = c.request_id;
select is(tests.platform('runs', 'lastCall', 'problem'), '"no_answer"'::jsonb, 'one that is not there any more was sent in vain');
select is(acontext_sessions.dispatch_sweep('retry', false, false), 1, 'and is replaced');

-- Schedules
select is(acontext_sessions.schedule_fault(s.schedule), s.fault, s.schedule || ': ' || coalesce(s.fault, 'well'))
from (values
  ('* * * * *', null), (' 0 0 * * * ', null), (E'0\t4 * * 0', null), ('*/5 0-6/2,22 1,15 jan-mar mon', null),
  ('10 seconds', null), ('@daily', null), ('@hourly', null), ('0 0 $ * *', null), ('0 0 29 2 *', null), ('0 0 31 1,4 *', null),
  ('0 0 31 2 mon', null), ('5-1,30 * * * *', null), ('0 0 * * 7', null), ('* * * * sat-sun', 'never'),
  ('5 * * * * *', 'more_than_five_fields'), ('* * * * * foo', 'more_than_five_fields'),
  ('@reboot', 'only_at_start'), ('@restart', 'only_at_start'), (' @REBOOT ', 'only_at_start'),
  ('5-1 * * * *', 'never'), ('0 6-2 * * *', 'never'), ('0 0 * dec-jan *', 'never'), ('0 0 20-10 * *', 'never'),
  ('0 0 31 2 *', 'never'), ('0 0 30,31 feb *', 'never'), ('0 0 31 4,6 *', 'never'), ('0 0 * * 5-1', 'never')
) as s (schedule, fault);
select throws_ok(
  format('select public.acontext_configure_cleanup(%L)', jsonb_build_object('retry_schedule', s.schedule)), 'PT400',
  format('Cannot change settings: retry_schedule cannot be "%s": %s', s.schedule, s.why), s.schedule || ' is refused'
)
from (values
  ('5 * * * * *', 'pg_cron reads five fields and ignores the rest'), ('@reboot', 'that comes only when the database starts'),
  ('5-1 * * * *', 'that never comes')
) as s (schedule, why);
update acontext_sessions.settings set retry_schedule = '5-1 * * * *' where only_row;
select lives_ok(
  $$select public.acontext_configure_cleanup('{"max_workers": 3}')$$, 'one that was stored before keeps no other setting from changing'
);
select is(
  (select j ->> 'fault' from jsonb_array_elements(tests.platform('jobs')) as j where j ->> 'name' = 'retry'), 'never',
  'and health tells it'
);

select * from finish();
rollback;

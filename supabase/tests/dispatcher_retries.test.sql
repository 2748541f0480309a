-- The dispatcher's second look: which calls were not delivered, and which expiry a retry goes on with.
begin;
\ir helpers/arrange.psql
select no_plan();

-- A call counts by its answer
create temporary table answers (n integer, status_code integer, timed_out boolean);
insert into answers
values (1, 199, false), (2, 200, false), (3, 299, false), (4, 300, false), (5, null, true), (6, null, false);
insert into acontext_sessions.runs (id, task, trigger, status, request_id)
select tests.run(n), 'sweep', 'schedule', 'requested', 1000000 + n from generate_series(1, 7) as n;
insert into acontext_sessions.runs (id, task, trigger, status, request_id)
values (tests.run(8), 'sweep', 'schedule', 'running', 1000001);
insert into acontext_sessions.calls (run_id, request_id, answers_oid)
select tests.run(n), 1000000 + n, 'net._http_response'::regclass from generate_series(1, 7) as n;
insert into net._http_response (id, status_code, timed_out, content)
select 1000000 + a.n, a.status_code, a.timed_out, json_build_object('status', 'accepted', 'runId', tests.run(a.n))
from answers as a;
select acontext_sessions.dispatch_sweep('retry', false, false);
select results_eq(
  $$select r.id, r.status::text, r.stop_reason, r.errors -> 0 ->> 'error', r.finished_at = acontext_sessions.clock()
    from acontext_sessions.runs as r order by r.id$$,
  $$values
    (tests.run(1), 'finished', 'not_delivered', 'http_199', true),
    (tests.run(2), 'requested', null, null, null),
    (tests.run(3), 'requested', null, null, null),
    (tests.run(4), 'finished', 'not_delivered', 'http_300', true),
    (tests.run(5), 'finished', 'not_delivered', 'timeout', true),
    (tests.run(6), 'finished', 'not_delivered', 'unreachable', true),
    (tests.run(7), 'requested', null, null, null),
    (tests.run(8), 'running', null, null, null)$$,
  'a call that was refused, or never arrived, is over; one that was taken, has no answer or is at work is not'
);
select is(
  (select r.errors from acontext_sessions.runs as r where r.id = tests.run(4)),
  jsonb_build_array(jsonb_build_object('id', tests.run(4), 'error', 'http_300')),
  'the receipt names the run and the error'
);
delete from acontext_sessions.runs where true;

-- A call that nobody can take up any more is over, whatever became of it
create function pg_temp.left_over(p_number integer, p_age interval) returns void language sql
as $$
  insert into acontext_sessions.runs (id, task, trigger, status, requested_at, request_id)
  values (tests.run(p_number), 'sweep', 'retry', 'requested', acontext_sessions.clock() - p_age, 1000000 + p_number);
  insert into acontext_sessions.calls (run_id, request_id, answers_oid)
  values (tests.run(p_number), 1000000 + p_number, 'net._http_response'::regclass);
$$;
select pg_temp.left_over(n, case when n % 2 = 1 then interval '1 hour' else '59 minutes 59 seconds' end)
from generate_series(11, 16) as n;
insert into net._http_response (id, status_code, content)
select 1000000 + n, 202, json_build_object('status', 'accepted', 'runId', tests.run(n)) from generate_series(11, 12) as n;
insert into net.http_request_queue (id, method, url, timeout_milliseconds)
select 1000000 + n, 'GET', 'http://127.0.0.1:1/', 10000 from generate_series(15, 16) as n;
select acontext_sessions.dispatch_sweep('retry', false, false);
select results_eq(
  $$select r.id, concat_ws(' ', r.status, r.stop_reason, r.errors -> 0 ->> 'error') from acontext_sessions.runs as r order by r.id$$,
  $$values
    (tests.run(11), 'finished not_delivered not_started'), (tests.run(12), 'requested'),
    (tests.run(13), 'finished not_delivered no_answer'), (tests.run(14), 'requested'),
    (tests.run(15), 'requested'), (tests.run(16), 'requested')$$,
  'after an hour, unless pg_net has it still'
);
delete from acontext_sessions.runs where true;
delete from net.http_request_queue where id between 1000015 and 1000016;

-- A search that nobody was called for
delete from vault.secrets where name in ('acontext_sessions_project_url', 'acontext_sessions_secret_key');
select vault.create_secret('https://abc.supabase.co', 'acontext_sessions_project_url');
create function pg_temp.called_again(
  p_stop_reason text, p_error text, p_age interval default '1 hour', p_by text default 'schedule', p_trigger text default 'retry'
)
returns text
language plpgsql
as $$
declare
  v_called text;
begin
  insert into acontext_sessions.runs (id, task, trigger, status, stop_reason, requested_at, errors)
  values (
    tests.run(18), 'reconcile', p_by::acontext_sessions.run_trigger, 'finished', p_stop_reason, acontext_sessions.clock() - p_age,
    jsonb_build_array(jsonb_build_object('id', tests.run(18), 'error', p_error))
  );
  perform acontext_sessions.dispatch_sweep(p_trigger::acontext_sessions.run_trigger, false, false);
  select concat_ws(' ', r.task, r.trigger, r.status) into v_called from acontext_sessions.runs as r where r.id <> tests.run(18);
  delete from acontext_sessions.runs where true;
  return coalesce(v_called, 'nobody');
end;
$$;
select is(pg_temp.called_again('not_delivered', 'http_404'), 'reconcile retry requested', 'a retry calls for it again');
select is(pg_temp.called_again('not_delivered', 'http_404', '59 minutes 59 seconds'), 'nobody', 'once an hour');
select is(pg_temp.called_again('not_delivered', 'lost', '0'), 'reconcile retry requested', 'at once after a crash');
select is(pg_temp.called_again('not_delivered', 'pg_net_off'), 'reconcile retry requested', 'when pg_net is back');
select is(pg_temp.called_again('not_configured', null), 'reconcile retry requested', 'when Vault has the URL');
select is(
  pg_temp.called_again('not_delivered', 'http_404', p_by => 'chain'), 'reconcile retry requested', 'in the midst of a pass, too'
);
select is(pg_temp.called_again('not_delivered', 'http_404', p_by => 'manual'), 'nobody', 'not for what was started by hand');
select is(pg_temp.called_again('not_delivered', 'http_404', '8 days'), 'nobody', 'not when the next has come by the schedule');
select is(pg_temp.called_again('not_delivered', 'http_404', p_trigger => 'schedule'), 'nobody', 'the cleanup does not');
select results_eq(
  $$select reason, pg_temp.called_again(reason, null) from unnest(array['complete', 'outage', 'too_many_unknown', 'disabled']) as reason$$,
  $$values ('complete', 'nobody'), ('outage', 'nobody'), ('too_many_unknown', 'nobody'), ('disabled', 'nobody')$$,
  'one that began has ended as it says'
);
update acontext_sessions.settings set cleanup_enabled = false where only_row;
select is(pg_temp.called_again('not_delivered', 'lost'), 'nobody', 'nor when the cleanup is off');
update acontext_sessions.settings set cleanup_enabled = true where only_row;
delete from vault.secrets where name = 'acontext_sessions_project_url';
select acontext_sessions.call_worker('sweep', 'schedule', true, false);
select acontext_sessions.dispatch_reconcile('schedule');
select bag_eq(
  'select r.task::text, r.stop_reason from acontext_sessions.runs as r',
  $$values ('sweep', 'not_configured'), ('reconcile', 'not_configured')$$, 'that it was not called for is known for each task'
);
select acontext_sessions.dispatch_sweep('retry', false, false);
select is((select count(*)::integer from acontext_sessions.runs), 2, 'and said once an hour');
delete from acontext_sessions.runs where true;

-- What is gone on with
create function pg_temp.unfinished(
  p_status text, p_stop_reason text, p_age interval default '1 hour', p_task text default 'sweep',
  p_expires boolean default true, p_trigger text default 'schedule', p_started interval default null
)
returns boolean
language plpgsql
as $$
declare
  v_unfinished boolean;
begin
  insert into acontext_sessions.runs (
    id, task, trigger, status, stop_reason, expires_sessions, requested_at, started_at, finished_at
  )
  values (
    tests.run(20), p_task::acontext_sessions.run_task, p_trigger::acontext_sessions.run_trigger,
    p_status::acontext_sessions.run_status, p_stop_reason, p_expires, acontext_sessions.clock() - p_age,
    acontext_sessions.clock() - p_started, case when p_status = 'finished' then acontext_sessions.clock() end
  );
  v_unfinished := acontext_sessions.expiry_is_unfinished();
  delete from acontext_sessions.runs where id = tests.run(20);
  return v_unfinished;
end;
$$;
select is(acontext_sessions.expiry_is_unfinished(), false, 'without any run nothing is unfinished');
select results_eq(
  $$select reason, pg_temp.unfinished('finished', reason)
    from unnest(array['empty', 'too_many_expiring', 'disabled', 'not_configured', 'outage', 'limit']) as reason$$,
  $$values
    ('empty', false), ('too_many_expiring', false), ('disabled', false), ('not_configured', false),
    ('outage', true), ('limit', true)$$,
  'an expiry that stopped before the end is unfinished'
);
select is(pg_temp.unfinished('finished', 'outage', '23:59:59'), true, 'for a day');
select is(pg_temp.unfinished('finished', 'outage', '1 day'), false, 'then the next night has come');
select is(pg_temp.unfinished('finished', 'outage', p_task => 'reconcile'), false, 'a reconcile expires nothing');
select is(pg_temp.unfinished('finished', 'outage', p_expires => false), false, 'nor does a retry');
select is(
  pg_temp.unfinished('finished', 'outage', p_trigger => 'manual'), false, 'what was started by hand is not gone on with'
);
select is(
  pg_temp.unfinished('requested', null, acontext_sessions.run_timeout() - interval '1 second'), false,
  'one that was called may still come'
);
select is(pg_temp.unfinished('requested', null, acontext_sessions.run_timeout()), true, 'until its time is over');
select is(
  pg_temp.unfinished('running', null, '1 hour', p_started => acontext_sessions.run_timeout() - interval '1 second'),
  false, 'one that works is counted from its start'
);
select is(
  pg_temp.unfinished('running', null, '1 hour', p_started => acontext_sessions.run_timeout()), true,
  'and is given up in the end'
);
insert into acontext_sessions.runs (
  id, task, trigger, status, stop_reason, expires_sessions, expired, requested_at, finished_at
)
values (
  tests.run(29), 'sweep', 'retry', 'finished', 'queueing_failed', true, 1,
  acontext_sessions.clock() - interval '3 hours', acontext_sessions.clock()
);
select is(acontext_sessions.expiry_is_unfinished(), true, 'while some can expire and some cannot, the next goes on at once');
update acontext_sessions.runs set expired = 0 where id = tests.run(29);
select is(acontext_sessions.expiry_is_unfinished(), false, 'when none could');
select tests.pass(interval '1 hour');
select is(acontext_sessions.expiry_is_unfinished(), true, 'the next tries an hour later');
insert into acontext_sessions.runs (id, task, trigger, status, stop_reason, expires_sessions, requested_at, finished_at)
select tests.run(n), 'sweep', 'schedule', 'finished', reason, true, acontext_sessions.clock() - age, acontext_sessions.clock()
from (values (30, 'outage', interval '2 hours'), (31, 'empty', interval '1 hour')) as r (n, reason, age);
select is(acontext_sessions.expiry_is_unfinished(), false, 'the last one counts');

select * from finish();
rollback;

-- The dispatcher: nothing due, no call; else as many calls as the backlog needs, with the key in a header only.
begin;
\ir helpers/arrange.psql
select no_plan();
delete from vault.secrets where name in ('acontext_sessions_project_url', 'acontext_sessions_secret_key');
create temporary table seen as select q.id from net.http_request_queue as q;

create temporary view calls as
select q.id, q.method, q.url, q.headers, convert_from(q.body, 'UTF8')::jsonb as body, q.timeout_milliseconds
from net.http_request_queue as q
where q.id not in (select s.id from seen as s);
create function tests.forget() returns void language plpgsql
as $$
begin
  insert into seen select q.id from net.http_request_queue as q;
  delete from acontext_sessions.runs where true;
end;
$$;
create function tests.fill_queue(p_count integer) returns void language sql
as $$
  delete from acontext_sessions.deletion_queue where session_gone_at is not null and disk_gone_at is not null;
  insert into acontext_sessions.deletion_queue (
    id, origin_id, reason, session_gone_at, session_proof, disk_gone_at, disk_proof
  )
  select gen_random_uuid(), gen_random_uuid(), 'orphan', acontext_sessions.clock(), 'absent', acontext_sessions.clock(), 'absent'
  from generate_series(1, p_count) as n;
  update acontext_sessions.deletion_queue set next_attempt_at = acontext_sessions.clock() where lease_id is null;
$$;

-- Vault not configured
select is(acontext_sessions.dispatch_sweep('schedule', true, false), 0, 'nothing due: nothing is dispatched');
select is_empty('select 1 from acontext_sessions.runs', 'and there is no run, not even without Vault');
select tests.fill_queue(1);
select is(acontext_sessions.dispatch_sweep('schedule', true, false), 0, 'without Vault nothing can be dispatched');
select results_eq(
  'select trigger::text, status::text, stop_reason from acontext_sessions.runs',
  $$values ('schedule', 'finished', 'not_configured')$$, 'a failed run says so'
);
select acontext_sessions.dispatch_sweep('retry', false, false);
select is((select count(*)::integer from acontext_sessions.runs), 1, 'once an hour, not at every try');
select tests.pass(interval '1 hour');
select acontext_sessions.dispatch_sweep('retry', false, false);
select is((select count(*)::integer from acontext_sessions.runs), 2, 'an hour later it says so again');
select is_empty('select 1 from calls', 'nobody was called');
select vault.create_secret('https://abc.supabase.co/', 'acontext_sessions_project_url');
select tests.forget();
select is(acontext_sessions.dispatch_sweep('schedule', true, false), 1, 'with the URL alone a worker is called');
select results_eq(
  'select headers from calls',
  $$select jsonb_build_object('Content-Type', 'application/json', 'x-run-id', r.id) from acontext_sessions.runs as r$$,
  'by the id of its run, without a key'
);

-- One call
select vault.create_secret('sb_secret_of_this_test', 'acontext_sessions_secret_key');
select tests.forget();
set local role service_role;
select is(acontext_sessions.dispatch_sweep('schedule', true, false), 1, 'one due deletion needs one worker');
reset role;
select results_eq(
  'select method::text, url, headers - ''x-run-id'', timeout_milliseconds from calls',
  $$values ('POST', 'https://abc.supabase.co/functions/v1/cleanup-sessions',
    '{"Content-Type": "application/json", "apikey": "sb_secret_of_this_test"}'::jsonb, 10000)$$,
  'where Vault still has a key, the call carries it in the apikey header, no Authorization, and an explicit timeout'
);
select results_eq(
  'select body from calls',
  $$select jsonb_build_object('runId', r.id, 'task', 'sweep', 'background', true) from acontext_sessions.runs as r$$,
  'it asks for background work on the recorded run'
);
select results_eq(
  'select trigger::text, status::text, expires_sessions, force, request_id from acontext_sessions.runs',
  $$select 'schedule', 'requested', true, false, id from calls$$, 'the run names its request'
);
select is_empty(
  $$select 1 from calls where url like '%sb_secret%' or body::text like '%sb_secret%'$$,
  'the key is in neither url nor body'
);
select is(acontext_sessions.dispatch_sweep('schedule', true, false), 0, 'while it is under way no second one is called');
select tests.pass(interval '6 minutes 59 seconds');
select is(acontext_sessions.dispatch_sweep('retry', false, false), 0, 'for seven minutes');
select tests.pass(interval '1 second');
select is(acontext_sessions.dispatch_sweep('retry', false, false), 0, 'and for as long as pg_net has it');
delete from net.http_request_queue as q using acontext_sessions.calls as c where q.id = c.request_id;
select is(acontext_sessions.dispatch_sweep('retry', false, false), 1, 'after that the call counts as lost and is replaced');

-- As many as the backlog needs
update acontext_sessions.settings set max_per_run = 10, max_workers = 4;
create function tests.dispatched(p_due integer) returns integer language plpgsql
as $$
begin
  perform tests.forget();
  perform tests.fill_queue(p_due);
  return acontext_sessions.dispatch_sweep('schedule', true, false);
end;
$$;
select results_eq(
  'select n, tests.dispatched(n) from unnest(array[0, 1, 10, 11, 30, 31, 40, 41, 1000]) as n',
  $$values (0, 0), (1, 1), (10, 1), (11, 2), (30, 3), (31, 4), (40, 4), (41, 4), (1000, 4)$$,
  'workers are called for every max_per_run due deletions, up to max_workers'
);
select is((select count(*)::integer from calls), 4, 'each by a call of its own');
select is((select count(distinct body ->> 'runId')::integer from calls), 4, 'each with a run of its own');
update acontext_sessions.runs set status = 'finished', stop_reason = 'limit'
where id = (select r.id from acontext_sessions.runs as r limit 1);
select is(acontext_sessions.dispatch_sweep('retry', false, false), 1, 'only those are called that are missing');

-- What counts as due
select tests.dispatched(0);
select tests.make_active(1);
select tests.pass(interval '29 days 23 hours');
select is(acontext_sessions.dispatch_sweep('schedule', true, false), 0, 'a session that has not expired is not due');
select tests.pass(interval '1 hour');
select is(acontext_sessions.dispatch_sweep('retry', false, false), 0, 'retry runs do not expire sessions, so one is not due for them');
select is(acontext_sessions.dispatch_sweep('schedule', true, false), 1, 'an expired session is due for the nightly run');
select tests.forget();
select tests.request_deletion(1);
select is(acontext_sessions.dispatch_sweep('schedule', true, false), 0, 'a leased deletion is not due');
select tests.pass(interval '80 seconds');
select is(acontext_sessions.dispatch_sweep('retry', false, false), 1, 'an abandoned one is');
select tests.claim();
select tests.settle(tests.settlement(1, 'deleted', 'deleted'));
select tests.forget();
select tests.begin(2);
select tests.pass(interval '9 minutes 59 seconds');
select is(acontext_sessions.dispatch_sweep('retry', false, false), 0, 'a session that is being made is not due');
select tests.pass(interval '1 second');
select is(acontext_sessions.dispatch_sweep('retry', false, false), 1, 'a stale one is, for retry runs too');
select is(acontext_sessions.count_due(true, false, 100), 1, 'what is due is counted');
select tests.forget();
select tests.queue(2);
select tests.claim();
select tests.settle(tests.settlement(2, 'absent', 'absent'));

-- A night that was interrupted
select tests.make_active(3);
select tests.pass(interval '31 days');
select acontext_sessions.dispatch_sweep('schedule', true, false);
update acontext_sessions.runs set status = 'finished', stop_reason = 'outage';
select tests.pass(interval '1 minute');
select is(acontext_sessions.dispatch_sweep('retry', false, false), 1, 'a retry goes on with an expiry that an outage interrupted');
select is(
  (select expires_sessions from acontext_sessions.runs where trigger = 'retry'), true,
  'and expires sessions, as the night would have done'
);
update acontext_sessions.runs set status = 'finished', stop_reason = 'empty' where trigger = 'retry';
select tests.pass(interval '1 minute');
select is(acontext_sessions.dispatch_sweep('retry', false, false), 0, 'once one has come to the end, retries expire nothing again');
select tests.forget();
insert into acontext_sessions.runs (id, task, trigger, status, requested_at, stop_reason)
values (gen_random_uuid(), 'sweep', 'manual', 'finished', acontext_sessions.clock(), 'limit');
select is(acontext_sessions.dispatch_sweep('retry', false, false), 0, 'and what an operator limited by hand is not gone on with');
select tests.forget();
select tests.queue(3);
select tests.claim();
select tests.settle(tests.settlement(3, 'absent', 'absent'));

-- The expiry limit
update acontext_sessions.settings set max_expiry_minimum = 2;
select tests.make_active(n) from generate_series(11, 12) as n;
select tests.pass(interval '31 days');
select is(
  acontext_sessions.dispatch_sweep('schedule', true, false), 1, 'an exceeded expiry limit is worth a run, which says so'
);
select tests.forget();
select is(acontext_sessions.dispatch_sweep('retry', false, false), 0, 'but no retry');
select is(acontext_sessions.count_due(true, false, 100), 0, 'what the expiry limit holds back is not due');
select is(acontext_sessions.count_due(true, true, 100), 2, 'unless forced');

-- Not enabled
update acontext_sessions.settings set cleanup_enabled = false, max_expiry_minimum = 100;
select is(acontext_sessions.dispatch_sweep('schedule', true, false), 0, 'not enabled: nothing is dispatched');
select is(acontext_sessions.dispatch_reconcile('schedule'), false, 'nor a reconcile');
select is_empty('select 1 from calls', 'nobody was called');
select is_empty('select 1 from acontext_sessions.runs', 'and no run was recorded');

-- Reconcile
update acontext_sessions.settings set cleanup_enabled = true;
select is(acontext_sessions.dispatch_reconcile('schedule'), true, 'reconcile is dispatched whether or not something is due');
select results_eq(
  'select body - ''runId'', headers ->> ''apikey'', timeout_milliseconds from calls',
  $$values ('{"background": true, "task": "reconcile"}'::jsonb, 'sb_secret_of_this_test', 10000)$$,
  'by the same kind of call'
);
select results_eq(
  'select task::text, trigger::text, expires_sessions, force from acontext_sessions.runs',
  $$values ('reconcile', 'schedule', false, false)$$, 'of a run that expires nothing and forces nothing'
);
select is(acontext_sessions.dispatch_sweep('schedule', true, false), 1, 'and takes no worker from the cleanup');

select * from finish();
rollback;

-- What operators look at and do: runs, stuck deletions, one more attempt, what is left of a user.
begin;
\ir helpers/arrange.psql
select no_plan();
delete from acontext_sessions.runs where true;

-- Runs
select is(public.acontext_list_runs(10), '[]'::jsonb, 'no runs are an empty list');
select tests.start_run(1);
select tests.pass(interval '1 minute');
select tests.start_run(2, p_trigger => 'retry');
select public.acontext_finish_sweep(tests.run(2), '{"total": 3, "deleted": 2, "failed": 1, "stopReason": "empty",
  "errors": [{"id": "5e550000-0000-4000-8000-000000000001", "error": "http_500"}]}');
set local role service_role;
select is(
  public.acontext_list_runs(10) -> 0,
  jsonb_build_object(
    'id', tests.run(2), 'task', 'sweep', 'trigger', 'retry', 'status', 'finished', 'stopReason', 'empty',
    'requestedAt', acontext_sessions.clock(), 'startedAt', acontext_sessions.clock(), 'finishedAt', acontext_sessions.clock(),
    'total', 3, 'deleted', 2, 'failed', 1, 'deferred', 0, 'expired', 0, 'stale', 0,
    'errors', '[{"id": "5e550000-0000-4000-8000-000000000001", "error": "http_500"}]'::jsonb
  ),
  'the newest run comes first, with its counts'
);
select is(public.acontext_list_runs(10) #>> '{1,status}', 'running', 'then the older ones');
select is(jsonb_array_length(public.acontext_list_runs(1)), 1, 'as many as asked for');
select is(public.acontext_list_runs(-1), '[]'::jsonb, 'and no fewer than none');
reset role;

-- Stuck
select tests.make_active(n) from generate_series(1, 4) as n;
select tests.queue(n) from generate_series(1, 4) as n;
update acontext_sessions.deletion_queue
set attempts = 10, next_attempt_at = acontext_sessions.clock() + interval '6 hours', last_error = 'http_500',
  first_claimed_at = acontext_sessions.clock()
where id = tests.session(1);
update acontext_sessions.deletion_queue
set attempts = 9, next_attempt_at = acontext_sessions.clock() + interval '6 hours', first_claimed_at = acontext_sessions.clock()
where id = tests.session(2);
set local role service_role;
select is(
  public.acontext_list_stuck(10),
  jsonb_build_array(jsonb_build_object(
    'id', tests.session(1), 'reason', 'requested', 'attempts', 10, 'requestedAt', acontext_sessions.clock(),
    'nextAttemptAt', acontext_sessions.clock() + interval '6 hours', 'lastError', 'http_500',
    'messages', 0, 'repeatedDeletes', 0, 'sessionGone', false,
    'diskGone', false, 'acontextSessionId', tests.session(1), 'acontextDiskId', tests.disk(1)
  )),
  'from ten attempts on a deletion is stuck'
);

-- One more attempt
select is(
  public.acontext_retry_deletion(tests.session(1)), '{"outcome": "due", "dueInSeconds": 0}'::jsonb, 'a failed one can be retried'
);
select is(tests.due_in(1), interval '0', 'it is due at once');
select is(
  (select attempts from acontext_sessions.deletion_queue where id = tests.session(1)), 10, 'its attempts are kept'
);
select is(public.acontext_retry_deletion(tests.session(99)), '{"outcome": "not_found"}'::jsonb, 'an unknown one cannot');
select tests.claim(3, 1);
select is(
  public.acontext_retry_deletion((select id from acontext_sessions.deletion_queue where lease_id is not null)),
  '{"outcome": "leased", "dueInSeconds": 80}'::jsonb, 'nor one that somebody works on'
);
update acontext_sessions.deletion_queue set next_attempt_at = acontext_sessions.clock() + interval '45 seconds', lease_id = null, leased_until = null
where id = tests.session(2);
select is(
  public.acontext_retry_deletion(tests.session(2)), '{"outcome": "due", "dueInSeconds": 45}'::jsonb,
  'one that is due in less than a minute keeps its time: a request may still be under way'
);
select is(tests.due_in(2), interval '45 seconds', 'it was not touched');
update acontext_sessions.deletion_queue
set next_attempt_at = acontext_sessions.clock() + interval '7 days', lease_id = null, leased_until = null, first_claimed_at = null
where id = tests.session(4);
select is(
  public.acontext_retry_deletion(tests.session(4)), '{"outcome": "in_grace", "dueInSeconds": 604800}'::jsonb,
  'within the grace period a deletion is not hurried: its owner may restore it'
);
select is(tests.due_in(4), interval '7 days', 'it was not touched');
reset role;

-- Users
select tests.make_active(11);
select tests.make_active(12, tests.bob());
set local role service_role;
select is(public.acontext_count_user_data(tests.alice()), '{"sessions": 5, "queued": 4}'::jsonb, 'a user''s sessions and deletions are counted');
select is(public.acontext_count_user_data(tests.bob()), '{"sessions": 1, "queued": 0}'::jsonb, 'and nobody else''s');
reset role;
delete from auth.users where id = tests.bob();
select is(public.acontext_count_user_data(tests.bob()), '{"sessions": 0, "queued": 1}'::jsonb, 'deletions of a deleted user are found');

select * from finish();
rollback;

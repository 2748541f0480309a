-- acontext_claim_deletions and acontext_settle_deletions: order, leases, fencing, stamps, backoff, receipts.
begin;
\ir helpers/arrange.psql
select no_plan();
select tests.make_active(n) from generate_series(1, 14) as n;
set local role service_role;

-- Claiming
select is(
  public.acontext_claim_deletions(tests.lease(3), 10, 80), '[]'::jsonb, 'nothing due: an empty claim'
);
select tests.queue(1);
select tests.pass(interval '1 second');
select tests.queue(2);
select tests.pass(interval '1 second');
select tests.queue(3);
select is(
  public.acontext_claim_deletions(tests.lease(3), 1, 80),
  jsonb_build_array(jsonb_build_object(
    'id', tests.session(1), 'originId', tests.session(1), 'acontextSessionId', tests.session(1),
    'acontextDiskId', tests.disk(1), 'sessionGone', false, 'diskGone', false, 'attempts', 0,
    'messages', 0, 'sessionInDoubt', false, 'diskInDoubt', false
  )),
  'a claim takes at most its limit, the longest due first'
);
select results_eq(
  'select tests.claim(4)', array[tests.session(2), tests.session(3)], 'another claim skips what is leased'
);
select is_empty('select tests.claim(5)', 'and a third finds nothing');
select is(
  (select (lease_id, leased_until - acontext_sessions.clock(), next_attempt_at - acontext_sessions.clock(), first_claimed_at)::text
   from acontext_sessions.deletion_queue where id = tests.session(1)),
  (tests.lease(3), interval '80 seconds', interval '80 seconds', acontext_sessions.clock())::text,
  'a claim leases the entry until it becomes due again by itself'
);
select tests.pass(interval '79 seconds');
select is_empty('select tests.claim(5)', 'until a lease ends nobody else gets the entry');
select tests.pass(interval '1 second');
select results_eq(
  'select tests.claim(5, 1)', array[tests.session(1)], 'an abandoned lease is due again, in the old order'
);
select is(
  (select first_claimed_at - acontext_sessions.clock() from acontext_sessions.deletion_queue where id = tests.session(1)),
  interval '-80 seconds', 'the first claim is remembered'
);

-- Fencing
select is(
  tests.settle(tests.settlement(1, 'deleted', 'deleted')),
  '{"deleted": 0, "failed": 0, "released": 0, "lost": 1}'::jsonb, 'a report under a lost lease is refused'
);
select is(
  tests.settle(tests.settlement(99, 'deleted', 'deleted')),
  '{"deleted": 0, "failed": 0, "released": 0, "lost": 1}'::jsonb, 'so is one about an unknown entry'
);
select is(
  (select (session_gone_at, disk_gone_at, attempts, lease_id)::text from acontext_sessions.deletion_queue
   where id = tests.session(1)),
  (null::timestamptz, null::timestamptz, 0, tests.lease(5))::text, 'and changes nothing'
);
select is(tests.status(1), 'deleting', 'the session is still there');

-- Stamps: a half-deleted session is resumed
select tests.claim();
select is(
  public.acontext_settle_deletions(tests.lease(5), jsonb_build_array(
    tests.settlement(1, p_session => 'deleted', p_error => 'disk: still_listed')
  )),
  '{"deleted": 0, "failed": 1, "released": 0, "lost": 0}'::jsonb, 'one proven resource of two is a failure'
);
select is(
  (select (session_gone_at, session_proof, disk_gone_at, disk_proof, attempts, lease_id, last_error)::text
   from acontext_sessions.deletion_queue where id = tests.session(1)),
  (acontext_sessions.clock(), 'deleted', null::timestamptz, null, 1, null::uuid, 'disk: still_listed')::text,
  'the proven one is stamped, the lease is given back, the attempt counts, the error is kept'
);
select tests.pass(interval '30 seconds');
select is(
  public.acontext_claim_deletions(tests.lease(3), 1, 80) -> 0 ->> 'sessionGone', 'true', 'the next worker sees what is done'
);
select tests.pass(interval '10 seconds');
select is(
  tests.settle(tests.settlement(1, 'absent', 'absent')) -> 'deleted', '1'::jsonb, 'with both proven the session is done'
);
select is(tests.status(1), null, 'its row is gone');
select is(tests.queued(1), null, 'its queue entry is gone');
select results_eq(
  $$select id, origin_id, reason::text, user_id, acontext_session_id, acontext_disk_id, session_proof::text,
      disk_gone_at - session_gone_at, disk_proof::text, attempts, finished_at - requested_at
    from acontext_sessions.deletion_log$$,
  $$values (tests.session(1), tests.session(1), 'requested', tests.alice(), tests.session(1), tests.disk(1), 'deleted',
      interval '40 seconds', 'absent', 2, interval '122 seconds')$$,
  'the receipt names the resources, whose they were, why, when and how each was proven gone and after how many attempts'
);
select is(
  tests.settle(tests.settlement(1, 'deleted', 'deleted')) -> 'lost', '1'::jsonb, 'a repeated report is refused'
);
select is((select count(*)::integer from acontext_sessions.deletion_log), 1, 'and writes no second receipt');

-- A batch of successes, failures and what is given back
select tests.pass(interval '1 hour');
select tests.queue(n) from generate_series(4, 7) as n;
select tests.claim();
select is(
  tests.settle(
    tests.settlement(2, 'absent', 'unproven'),
    tests.settlement(4, p_error => 'session: http_500'),
    tests.settlement(5, p_disposition => 'defer', p_error => 'session: timeout'),
    tests.settlement(6, p_session => 'deleted', p_disposition => 'release', p_error => 'disk: throttled'),
    tests.settlement(7, 'deleted', 'deleted', 'released')
  ),
  '{"deleted": 2, "failed": 1, "released": 2, "lost": 0}'::jsonb, 'one call settles a whole batch'
);
select results_eq(
  $$select id, next_attempt_at - acontext_sessions.clock(), attempts, lease_id, session_gone_at is not null, last_error
    from acontext_sessions.deletion_queue where id in (tests.session(4), tests.session(5), tests.session(6)) order by id$$,
  $$values
    (tests.session(4), interval '30 seconds', 1, null::uuid, false, 'session: http_500'),
    (tests.session(5), interval '1 minute', 0, null, false, 'session: timeout'),
    (tests.session(6), interval '0', 0, null, true, 'disk: throttled')$$,
  'failed backs off and counts, deferred waits a minute, released is due at once; stamps are kept'
);
select is_empty(
  $$select id from acontext_sessions.deletion_queue
    where id in (tests.session(4), tests.session(5), tests.session(6)) and (session_in_doubt or disk_in_doubt or slow)$$,
  'a report that names no doubt leaves none'
);
select results_eq(
  'select id, session_proof::text, disk_proof::text from acontext_sessions.deletion_log where id <> tests.session(1) order by id',
  $$values (tests.session(2), 'absent', 'unproven'), (tests.session(7), 'deleted', 'deleted')$$,
  'each success has its receipt'
);
select is(
  (select count(*)::integer from acontext_sessions.deletion_queue where lease_id = tests.lease(3)), 1,
  'what was not reported on keeps its lease'
);
select tests.pass(interval '30 seconds');
select tests.claim();
select tests.settle(tests.settlement(4, p_disposition => 'release'));
select is(
  (select (attempts, last_error)::text from acontext_sessions.deletion_queue where id = tests.session(4)),
  (1, 'session: http_500')::text, 'what is given back untouched keeps the error of the attempt before'
);

-- Backoff
reset role;
select tests.queue(8);
create function tests.backoff(p_attempts integer, p_random double precision)
returns interval
language plpgsql
as $$
begin
  perform set_config('tests.random', p_random::text, true);
  update acontext_sessions.deletion_queue
  set attempts = p_attempts, next_attempt_at = acontext_sessions.clock() where id = tests.session(8);
  perform tests.claim();
  perform tests.settle(tests.settlement(8));
  return tests.due_in(8);
end;
$$;
select results_eq(
  'select n, tests.backoff(n, 0) from generate_series(0, 3) as n',
  $$values (0, interval '30 seconds'), (1, interval '1 minute'), (2, interval '2 minutes'), (3, interval '4 minutes')$$,
  'each failure doubles the wait'
);
select is(tests.backoff(9, 0), interval '256 minutes', 'the tenth failure waits 30 s * 2^9');
select is(tests.backoff(10, 0), interval '6 hours', 'the wait is capped at six hours');
select is(tests.backoff(1000000, 0), interval '6 hours', 'whatever the number of attempts');
select is(tests.backoff(0, 1), interval '45 seconds', 'jitter adds at most half of the wait');
select is(tests.backoff(1000000, 0.5), interval '7 hours 30 minutes', 'and spreads the capped ones too');
select ok(
  (select attempts from acontext_sessions.deletion_queue where id = tests.session(8)) = 1000001,
  'an entry that keeps failing stays in the queue'
);
set local tests.random = '0';
update acontext_sessions.deletion_queue set attempts = 0, next_attempt_at = acontext_sessions.clock() where id = tests.session(8);
select tests.claim();
select tests.settle(tests.settlement(8) || '{"underWay": true}');
select is(tests.due_in(8), interval '1 minute', 'nothing is tried again within a minute of a request that was given up');

-- An undeletable entry does not hold up others
update acontext_sessions.deletion_queue set next_attempt_at = acontext_sessions.clock() + interval '1 hour' where lease_id is null;
select tests.queue(9);
select results_eq('select tests.claim()', array[tests.session(9)], 'a new deletion does not wait for one that backs off');
select tests.settle(tests.settlement(9, 'deleted', 'deleted'));

-- The order of claims
select tests.queue(n) from generate_series(12, 14) as n;
update acontext_sessions.deletion_queue as q
set next_attempt_at = acontext_sessions.clock() - make_interval(mins => d.minutes)
from (values (12, 1), (13, 3), (14, 2)) as d (number, minutes)
where q.id = tests.session(d.number);
select results_eq(
  'select tests.claim(n, 1) from generate_series(5, 7) as n',
  array[tests.session(13), tests.session(14), tests.session(12)],
  'what has been due longest is claimed first, whatever its id'
);

-- Orphans have no session
insert into acontext_sessions.deletion_queue (id, origin_id, reason, acontext_disk_id, session_gone_at, session_proof)
values (tests.session(50), tests.session(10), 'orphan', tests.disk(50), acontext_sessions.clock(), 'absent');
select is_empty('select tests.claim(3)', 'an orphan may have been written to a moment ago');
select tests.pass(acontext_sessions.write_gap());
select is(
  (select d -> 'originId' from jsonb_array_elements(public.acontext_claim_deletions(tests.lease(3), 100, 80)) as d
   where d ->> 'id' = tests.session(50)::text),
  to_jsonb(tests.session(10)), 'an orphan is claimed with the session id of its mark'
);
select is(
  tests.settle(tests.settlement(50, p_disk => 'deleted')) -> 'deleted', '1'::jsonb, 'an orphan is settled like the rest'
);
select is(tests.status(10), 'active', 'the session that it once belonged to lives on');

-- What a batch may not contain
select tests.queue(11);
select tests.claim();
select throws_ok(
  $$select tests.settle(tests.settlement(11, 'perhaps'))$$, '22P02',
  'invalid input value for enum acontext_sessions.deletion_proof: "perhaps"', 'a proof that does not exist is refused'
);
select is(tests.queued(11), 'requested/own/own', 'and the entry is as it was');

select * from finish();
rollback;

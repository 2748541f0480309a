-- Deletes that Acontext can bear: slots, the gap after a write, doubt and repetitions, long deletions, and what receipts keep.
begin;
\ir helpers/arrange.psql
select no_plan();
select tests.make_active(n) from generate_series(1, 12) as n;

create function pg_temp.entry(p_number integer)
returns acontext_sessions.deletion_queue
language sql
as $$ select q from acontext_sessions.deletion_queue as q where q.id = tests.session(p_number) $$;

create function pg_temp.report(p_number integer, p_more jsonb, p_lease integer default 3)
returns jsonb
language sql
as $$
  select public.acontext_settle_deletions(
    tests.lease(p_lease), jsonb_build_array(jsonb_build_object('id', tests.session(p_number)) || p_more)
  )
$$;

-- The gap after a write
select public.acontext_use_session(tests.alice(), tests.session(1), true, 0, true);
select is(tests.request_deletion(1), '{"outcome": "queued"}'::jsonb, 'what was just written to is not deleted at once');
select is((pg_temp.entry(1)).next_attempt_at, acontext_sessions.clock() + interval '3 seconds', 'it is due after the gap');
select tests.pass(interval '2 seconds');
select public.acontext_note_write(tests.session(1));
select tests.pass(interval '2.9 seconds');
select is_empty('select tests.claim(3)', 'a write that is still under way puts it off, for workers');
select is(tests.request_deletion(1), '{"outcome": "queued"}'::jsonb, 'and for another request');
select tests.pass(interval '0.1 seconds');
select results_eq('select tests.claim(3)', array[tests.session(1)], 'three seconds after the last write it is claimed');
select pg_temp.report(1, '{"session": "deleted", "disk": "deleted", "disposition": "release"}');
select public.acontext_use_session(tests.alice(), tests.session(2), true, 1);
select is(
  acontext_sessions.first_attempt_at(tests.session(2), 'user_deleted'), acontext_sessions.clock() + interval '3 seconds',
  'a message is a write, and nobody''s deletion overtakes it'
);
select tests.pass(interval '3 seconds');

-- Slots
update acontext_sessions.settings set max_remote_deletes = 8, max_workers = 2, concurrency = 4;
select is(acontext_sessions.free_slots(), 8, 'all slots are free');
select is(tests.request_deletion(3) ->> 'outcome', 'claimed', 'a call takes one');
select is(acontext_sessions.free_slots(), 7, 'which is not free now');
select is(tests.start_run(1) #>> '{settings,concurrency}', '4', 'a run takes as many as it works on at a time');
select is(tests.start_run(2) #>> '{settings,concurrency}', '3', 'the next takes what is left');
select is(tests.start_run(3), '{"outcome": "busy"}'::jsonb, 'another gets none');
select results_eq(
  format('select status::text, stop_reason from acontext_sessions.runs where id = %L', tests.run(3)),
  $$values ('finished', 'busy')$$, 'and says so'
);
select is(tests.request_deletion(4), '{"outcome": "queued"}'::jsonb, 'nor does a call');
savepoint long;
update public.session_mappings set message_count = 250 where id = tests.session(12);
select tests.queue(12);
create function pg_temp.long()
returns text
language sql
as $$ select public.acontext_claim_long_deletion(tests.lease(5), 100, 200, 300, 1000) ->> 'id' $$;
select is(pg_temp.long(), null, 'nor a deletion that needs long');
update acontext_sessions.runs set slots = slots - 2 where id = tests.run(1);
select is(acontext_sessions.free_slots(), 2, 'with two of eight slots');
select is(pg_temp.long(), null, 'which are for the others');
update acontext_sessions.runs set slots = slots - 1 where id = tests.run(1);
select is(pg_temp.long(), tests.session(12)::text, 'before one that needs long is begun with the third');
rollback to savepoint long;
select pg_temp.report(3, '{"session": "deleted", "disk": "deleted", "disposition": "release"}', 2);
select is(acontext_sessions.free_slots(), 1, 'a settled call gives its slot back');
select public.acontext_finish_sweep(tests.run(1), '{"stopReason": "empty", "probeMs": 12}');
select is(acontext_sessions.free_slots(), 5, 'so does a run that has ended');
select is(tests.request_deletion(5) ->> 'outcome', 'claimed', 'a call may take one of them');
select tests.pass(interval '80 seconds');
select is(acontext_sessions.free_slots(), 5, 'a lease that has ended holds none');
select tests.pass(acontext_sessions.run_timeout());
select is(acontext_sessions.free_slots(), 8, 'nor does a run that is not coming back');
select is(tests.start_run(4) #>> '{settings,usualProbeMs}', '12', 'a run learns how fast Acontext usually answers');
update acontext_sessions.runs set status = 'finished', stop_reason = 'empty' where status <> 'finished';

-- Doubt
select results_eq(
  $$select d ->> 'id', (d -> 'sessionInDoubt')::boolean, (d -> 'diskInDoubt')::boolean
    from jsonb_array_elements(public.acontext_claim_deletions(tests.lease(3), 10, 80)) as d order by 1$$,
  $$values (tests.session(4)::text, false, false), (tests.session(5)::text, true, true)$$,
  'a lease that ended without a report leaves a doubt'
);
select pg_temp.report(4, '{"session": "deleted", "disposition": "defer", "inDoubt": ["disk"], "sessionMs": 5}');
select is(
  array[(pg_temp.entry(4)).session_in_doubt, (pg_temp.entry(4)).disk_in_doubt], array[false, true],
  'a report tells whose effect is not known'
);
select pg_temp.report(5, '{"disposition": "retry", "repeated": 1}');
select is((pg_temp.entry(5)).repeated_deletes, 1, 'repetitions are counted');
select ok((pg_temp.entry(5)).session_in_doubt, 'a doubt stays until the resource is gone');
select tests.pass(interval '1 minute');
select tests.claim(3);
select pg_temp.report(5, '{"session": "deleted", "disk": "absent", "disposition": "release", "repeated": 1, "sessionMs": 7}');
select pg_temp.report(4, '{"disk": "absent", "disposition": "release"}');
select results_eq(
  'select id, repeated_deletes, session_ms, messages from acontext_sessions.deletion_log order by log_id',
  $$values (tests.session(1), 0, null::integer, 0), (tests.session(3), 0, null, 0),
    (tests.session(5), 2, 7, 0), (tests.session(4), 0, 5, 0)$$,
  'a receipt says how often a delete was repeated, and how long the session''s took, whenever that was'
);
select is(
  (public.acontext_session_health(0) #> '{queue,repeatedDeletes}'), '2'::jsonb, 'health counts the repetitions of a week'
);

-- Long deletions
update public.session_mappings
set message_count = 500, last_write_at = acontext_sessions.clock() - acontext_sessions.write_gap()
where id = tests.session(6);
update public.session_mappings set message_count = 9000 where id = tests.session(7);
select tests.queue(6);
select tests.queue(7);
select tests.queue(8);
select is((pg_temp.entry(6)).messages, 500, 'an entry knows the messages of its session');
select is(
  (select jsonb_agg(d ->> 'id') from jsonb_array_elements(public.acontext_claim_deletions(tests.lease(3), 10, 80, 499)) as d),
  jsonb_build_array(tests.session(8)), 'a worker leaves those with many messages'
);
select is(
  public.acontext_claim_long_deletion(tests.lease(5), 400, 499, 499, 9000), null,
  'one that does not fit into what is left of a worker waits for another'
);
select is(
  public.acontext_claim_long_deletion(tests.lease(5), 400, 499, 5000, 9000) ->> 'id', tests.session(6)::text,
  'one that fits is claimed'
);
select is(
  (select (leased_until - acontext_sessions.clock(), holds_slot)::text from pg_temp.entry(6)),
  (interval '400 seconds', true)::text, 'for a worker''s life, with a slot of its own'
);
select is(
  public.acontext_claim_long_deletion(tests.lease(5), 400, 499, 5000, 8999) ->> 'id', tests.session(7)::text,
  'one that fits into no worker is claimed to be reported'
);
select is(
  pg_temp.report(7, '{"disposition": "retry", "error": "session: needs_longer_worker", "stuck": true}', 5) -> 'failed',
  '1'::jsonb, 'which is a failure'
);
select is(
  (select (attempts, next_attempt_at - acontext_sessions.clock(), last_error, holds_slot)::text from pg_temp.entry(7)),
  (acontext_sessions.stuck_attempts(), interval '6 hours', 'session: needs_longer_worker', false)::text,
  'that an operator sees at once'
);
select pg_temp.report(8, '{"disposition": "retry", "slow": true, "inDoubt": ["session"]}');
select tests.pass(interval '10 minutes');
select is_empty(
  format('select 1 from tests.claim(3) as c where c = %L', tests.session(8)), 'what was slow is left by other workers'
);
select is(
  tests.request_deletion(8), '{"outcome": "queued"}'::jsonb, 'and by calls'
);
select is(
  (select jsonb_agg(public.acontext_claim_long_deletion(tests.lease(6), 400, 5000, 5000, 8999) ->> 'id')),
  jsonb_build_array(tests.session(8)), 'whatever it has'
);

-- With the session gone its messages do not matter any more
update public.session_mappings set message_count = 9000 where id = tests.session(9);
select tests.queue(9);
select is(
  public.acontext_request_session_deletion(tests.alice(), tests.session(9), tests.lease(2), 80, 8999),
  '{"outcome": "queued"}'::jsonb, 'a call leaves what has too many messages for it'
);
select is(
  public.acontext_claim_long_deletion(tests.lease(5), 400, 499, 9000, 9000) ->> 'id', tests.session(9)::text, 'to a worker'
);
select pg_temp.report(9, '{"session": "deleted", "disposition": "release", "sessionMs": 99}', 5);
select is(
  public.acontext_claim_long_deletion(tests.lease(5), 400, 499, 500, 9000), null, 'its disk needs no long time'
);
select ok(tests.session(9) = any (array(select tests.claim(3))), 'and is any worker''s');

-- What a message adds
select is(acontext_sessions.ms_per_message(), null, 'without receipts of long deletes nothing is known');
insert into acontext_sessions.deletion_log (
  id, origin_id, reason, session_proof, session_gone_at, disk_proof, disk_gone_at, attempts, requested_at, messages, session_ms
)
select tests.session(90), tests.session(90), 'expired', 'deleted', acontext_sessions.clock(), 'deleted',
  acontext_sessions.clock(), 1, acontext_sessions.clock(), m.messages, m.ms
from (values (100, 6000), (50, 3500), (20, 1000), (19, 19000), (200, null)) as m (messages, ms);
select is(acontext_sessions.ms_per_message(), 65::double precision, 'the longer of the last that show it');

-- What is stuck stays so
select tests.pass(interval '6 hours');
select is(
  (
    select jsonb_agg(public.acontext_claim_long_deletion(tests.lease(5), 400, 499, 5000, 8999) ->> 'id')
    from generate_series(1, 3)
  ) ? tests.session(7)::text,
  true, 'after six hours a worker looks at it again'
);
select pg_temp.report(7, '{"disposition": "retry", "stuck": true}', 5);
select is((pg_temp.entry(7)).attempts, acontext_sessions.stuck_attempts() + 1, 'an attempt more does not hide it');

select * from finish();
rollback;

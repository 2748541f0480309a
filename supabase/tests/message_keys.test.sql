-- acontext_begin_message and acontext_settle_message: one message for one key, whatever happens in between.
begin;
\ir helpers/arrange.psql
select no_plan();
select tests.make_active(n) from generate_series(1, 9) as n;
select tests.make_active(10, p_pinned => true);
set local role service_role;

create function pg_temp.begin(
  p_number integer, p_lease integer default 1, p_key text default 'k', p_body text default 'b',
  p_user_id uuid default tests.alice()
)
returns jsonb
language sql
as $$
  select public.acontext_begin_message(
    p_user_id, tests.session(p_number), tests.lease(p_lease), 60,
    encode(sha256(p_key::bytea), 'hex'), encode(sha256(p_body::bytea), 'hex')
  )
$$;

create function pg_temp.settle(
  p_number integer, p_result text, p_lease integer default 1, p_message integer default null
)
returns jsonb
language sql
as $$
  select public.acontext_settle_message(
    tests.session(p_number), p_result, tests.lease(p_lease), encode(sha256('k'::bytea), 'hex'),
    tests.disk(p_message), case when p_message is not null then acontext_sessions.clock() end
  )
$$;

create function pg_temp.count(p_number integer)
returns integer
language sql
as $$ select s.message_count from public.session_mappings as s where s.id = tests.session(p_number) $$;

-- A life without accidents
select is(
  pg_temp.begin(1) - 'mark',
  jsonb_build_object(
    'outcome', 'started', 'acontextSessionId', tests.session(1), 'acontextDiskId', tests.disk(1),
    'storedMessages', 0
  ),
  'the first call with a key stores'
);
select is(pg_temp.count(1), 1, 'its message is counted');
select is(pg_temp.begin(1) ->> 'outcome', 'started', 'the same request, sent again by the network, is the same call');
select is(
  pg_temp.begin(1, 2), '{"outcome": "busy", "retryAfterMs": 60000}'::jsonb, 'another call waits for the lease to end'
);
select is(pg_temp.begin(1, 2, p_body => 'c'), '{"outcome": "mismatch"}'::jsonb, 'with another body it never goes on');
select is(pg_temp.begin(1, 2, p_key => 'l') ->> 'outcome', 'started', 'another key is another message');
select is(pg_temp.begin(2, 2) ->> 'outcome', 'started', 'the key in another session is another message');
select is(pg_temp.settle(1, 'stored', p_message => 7), '{"active": true}'::jsonb, 'the outcome is recorded');
select is(
  pg_temp.begin(1, 3),
  jsonb_build_object('outcome', 'stored', 'message', jsonb_build_object('id', tests.disk(7), 'createdAt', acontext_sessions.clock())),
  'a repeated call gets the message'
);
select is(pg_temp.begin(1, 3, p_body => 'c'), '{"outcome": "mismatch"}'::jsonb, 'a stored key keeps its body');
select is(pg_temp.count(1), 2, 'every message is counted once');
select pg_temp.settle(1, 'stored', 3, 8);
select is(pg_temp.begin(1, 3) #>> '{message,id}', tests.disk(7)::text, 'a key never leads to another message');

-- An unknown fate
select pg_temp.begin(3);
select tests.pass(interval '59 seconds');
select is(pg_temp.begin(3, 2) ->> 'outcome', 'busy', 'nobody takes over before the lease has ended');
select tests.pass(interval '1 second');
select is(pg_temp.begin(3, 2) ->> 'outcome', 'resumed', 'then one call does, and is told to look first');
select is(
  pg_temp.begin(3, 2) ->> 'mark',
  (select mark::text from acontext_sessions.message_keys where session_id = tests.session(3)),
  'by the mark of the first attempt'
);
select is(pg_temp.begin(3, 3) ->> 'outcome', 'busy', 'and only one');
select is(pg_temp.begin(3, 2) ->> 'outcome', 'resumed', 'sent again by the network it still has to look');
select is(pg_temp.count(3), 1, 'its message was counted by the first');
select is(pg_temp.settle(3, 'refused', 1), '{"active": true}'::jsonb, 'the first one''s word comes too late');
select is(pg_temp.begin(3, 3) ->> 'outcome', 'busy', 'and changes nothing');
select is(pg_temp.count(3), 1, 'nor the count');
select is(pg_temp.settle(3, 'stored', 2, 9), '{"active": true}'::jsonb, 'the second one found it');
select is(pg_temp.begin(3, 4) ->> 'outcome', 'stored', 'and everybody knows');

-- Known failures
select pg_temp.begin(4);
select pg_temp.settle(4, 'refused');
select is(pg_temp.count(4), 0, 'a refused message is not counted');
select is(pg_temp.begin(4, 2, p_body => 'c') ->> 'outcome', 'started', 'its key is free, for another body too');
select pg_temp.settle(4, 'failed', 2);
select is(pg_temp.count(4), 0, 'a failed message is not counted either');
select is(pg_temp.begin(4, 3) ->> 'outcome', 'mismatch', 'but its key stays with its body');
select is(pg_temp.begin(4, 3, p_body => 'c') ->> 'outcome', 'resumed', 'and the next call need not wait, but looks first');
select is(pg_temp.count(4), 1, 'and counts again');
select pg_temp.settle(4, 'refused', 3);
select is(pg_temp.count(4), 0, 'until it fails, too');
select pg_temp.settle(4, 'refused', 3);
select is(pg_temp.count(4), 0, 'nothing is taken back twice');
select is(pg_temp.begin(4, 4, p_body => 'c') ->> 'outcome', 'resumed', 'what was unknown once is looked for ever after');

-- Without a key
select public.acontext_use_session(tests.alice(), tests.session(5), true, 1);
select is(
  public.acontext_settle_message(tests.session(5), 'refused'), '{"active": true}'::jsonb, 'a message without a key can be taken back'
);
select is(pg_temp.count(5), 0, 'and is');
select public.acontext_settle_message(tests.session(5), 'refused');
select is(pg_temp.count(5), 0, 'the count is never negative');
select is(public.acontext_settle_message(tests.session(99), 'refused'), '{"active": false}'::jsonb, 'a session may be gone by then');

-- Sessions that cannot be used
select is(pg_temp.begin(6, p_user_id => tests.bob()), '{"outcome": "not_found"}'::jsonb, 'another user finds nothing');
select is(pg_temp.begin(99), '{"outcome": "not_found"}'::jsonb, 'nor does anybody find an unknown session');
select pg_temp.begin(6);
select tests.request_deletion(6);
select is(pg_temp.begin(6, 2), '{"outcome": "deleting"}'::jsonb, 'a session being deleted takes no message');
select is(pg_temp.settle(6, 'failed'), '{"active": false}'::jsonb, 'and whoever was storing one is told');
select tests.pass(interval '31 days');
select is(pg_temp.begin(7), '{"outcome": "expired"}'::jsonb, 'an expired session takes none');
select is_empty(
  $$select k.session_id from acontext_sessions.message_keys as k where k.session_id = tests.session(7)$$,
  'and leaves no record'
);
reset role;

-- Their end
delete from cron.job_run_details where true;
insert into acontext_sessions.message_keys (session_id, key_hash, body_hash, lease_id, leased_until, created_at)
select tests.session(9), repeat(n::text, 64), repeat('a', 64), tests.lease(1), acontext_sessions.clock(), acontext_sessions.clock() - t.age
from (values (1, interval '2 days 1 second'), (2, interval '2 days'), (3, interval '0')) as t (n, age);
-- Six are those of the tests above, a month old.
select is(acontext_sessions.purge_history(), 7, 'a purge counts the keys that it removes');
select results_eq(
  'select left(key_hash, 1) from acontext_sessions.message_keys order by 1', array['2', '3'], 'keys are kept for two days'
);
select throws_ok(
  $$insert into acontext_sessions.message_keys (session_id, key_hash, body_hash, lease_id, leased_until)
    values (tests.session(9), 'a key', repeat('a', 64), tests.lease(1), now())$$,
  '23514', null, 'a key itself is never stored, only its hash'
);
set local role service_role;
select tests.request_deletion(9);
select tests.pass(interval '80 seconds');
select tests.claim();
select tests.settle(tests.settlement(9, 'deleted', 'deleted'));
reset role;
select is_empty(
  $$select k.key_hash from acontext_sessions.message_keys as k where k.session_id = tests.session(9)$$,
  'a session takes its keys with it'
);

-- A message that is stored is a write, whether it is counted or was
create function pg_temp.written(p_number integer)
returns interval
language sql
as $$
  select acontext_sessions.clock() - s.last_write_at from public.session_mappings as s where s.id = tests.session(p_number)
$$;
select pg_temp.begin(10, 1, 'w');
select is(pg_temp.written(10), interval '0', 'a message that is begun is a write');
select tests.pass(interval '61 seconds');
select pg_temp.begin(10, 2, 'w', 'other');
select is(pg_temp.written(10), interval '61 seconds', 'one that is refused is none');
select is(pg_temp.begin(10, 2, 'w') ->> 'outcome', 'resumed', 'an attempt whose lease has ended is taken up');
select is(pg_temp.written(10), interval '0', 'and may write');
select is(pg_temp.begin(10, 3, 'x') -> 'storedMessages', '0'::jsonb, 'what is under way is not surely stored');
update acontext_sessions.message_keys set message_id = tests.disk(91), message_created_at = acontext_sessions.clock()
where session_id = tests.session(10) and key_hash = encode(sha256('x'::bytea), 'hex');
select is(pg_temp.begin(10, 4, 'y') -> 'storedMessages', '1'::jsonb, 'what was settled is');

-- Purged, what nobody has settled no longer counts
select is(pg_temp.count(10), 3, 'all three are counted');
select tests.pass(interval '2 days 1 second');
reset role;
select is(acontext_sessions.purge_history(), 3, 'a purge counts both kinds of keys');
select is(pg_temp.count(10), 1, 'a count that is not known to be true is taken back with its key');
select is(
  public.acontext_use_session(tests.alice(), tests.session(10), false) -> 'storedMessages', '1'::jsonb,
  'so the bound stays true'
);

select * from finish();
rollback;

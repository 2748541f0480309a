-- What one user may have and do: quotas, rates, and how much one request changes.
begin;
\ir helpers/arrange.psql
select no_plan();

create function pg_temp.store(p_number integer, p_key text, p_user_id uuid default tests.alice())
returns jsonb
language sql
as $$
  select public.acontext_begin_message(
    p_user_id, tests.session(p_number), tests.lease(1), 60,
    encode(sha256(p_key::bytea), 'hex'), encode(sha256(p_key::bytea), 'hex')
  )
$$;
create function pg_temp.refuse_store(p_number integer, p_key text)
returns jsonb
language sql
as $$
  select public.acontext_settle_message(
    tests.session(p_number), 'refused', tests.lease(1), encode(sha256(p_key::bytea), 'hex')
  )
$$;
create function pg_temp.write_file(p_number integer, p_user_id uuid default tests.alice())
returns jsonb
language sql
as $$ select public.acontext_begin_file_write(p_user_id, tests.session(p_number)) $$;

-- The quota counts what is being deleted apart, with the same number
update acontext_sessions.settings set max_sessions_per_user = 2, deletion_grace = '7 days';
set local role service_role;
select tests.make_active(n) from generate_series(1, 2) as n;
select tests.request_deletion(n) from generate_series(1, 2) as n;
select is(
  tests.begin(3),
  '{"outcome": "quota_exceeded", "limit": 2, "setting": "max_sessions_per_user", "counted": "deleting"}'::jsonb,
  'who has as many sessions in deletion as the quota allows begins none'
);
select is(tests.status(3), null, 'and leaves no row');
select is(tests.begin(3, tests.bob()) ->> 'outcome', 'started', 'others begin theirs');
select is(
  public.acontext_restore_session(tests.alice(), tests.session(1)) ->> 'outcome', 'restored',
  'what is in deletion can be restored all the same'
);
select is(tests.begin(4) ->> 'outcome', 'started', 'which makes room');
select tests.activate(4);
select is(
  public.acontext_restore_session(tests.alice(), tests.session(2)),
  '{"outcome": "quota_exceeded", "limit": 2, "setting": "max_sessions_per_user", "counted": "sessions"}'::jsonb,
  'nothing is restored beyond the quota'
);

-- Churn
create function pg_temp.churn() returns integer language plpgsql as $$
declare
  v_kept integer := 0;
begin
  for v_number in 101..160 loop
    perform tests.make_active(v_number, tests.bob());
    perform tests.request_deletion(v_number, tests.bob());
    v_kept := greatest(v_kept, (select count(*) from public.session_mappings where user_id = tests.bob()));
  end loop;
  return v_kept;
end $$;
select cmp_ok(pg_temp.churn(), '<=', 4, 'sixty rounds of creating and deleting keep no more than twice the quota');

-- Anonymous users
reset role;
update auth.users set is_anonymous = true where id = tests.bob();
update acontext_sessions.settings set max_sessions_per_user = 100, max_sessions_per_anonymous_user = 4;
set local role service_role;
select tests.begin(n, tests.bob()) from generate_series(201, 203) as n;
select is(
  tests.begin(204, tests.bob()),
  '{"outcome": "quota_exceeded", "limit": 4, "setting": "max_sessions_per_anonymous_user", "counted": "sessions"}'::jsonb,
  'an anonymous user has a quota of its own'
);
select is(tests.begin(205) ->> 'outcome', 'started', 'which is nobody else''s');
reset role;
update acontext_sessions.settings set max_sessions_per_user = 3;
set local role service_role;
select is(tests.begin(204, tests.bob()) ->> 'setting', 'max_sessions_per_user', 'and is bound by everybody''s, too');
reset role;
update acontext_sessions.settings set max_sessions_per_user = null;
update auth.users set is_anonymous = false where id = tests.bob();
set local role service_role;
select is(tests.begin(204, tests.bob()) ->> 'outcome', 'started', 'it ends when the user gets an account');
reset role;
update acontext_sessions.settings set max_sessions_per_anonymous_user = null, deletion_grace = default;

-- Creations by the minute
update acontext_sessions.settings set max_creations_per_minute = 7;
set local role service_role;
select is(
  array(select distinct tests.begin(n) ->> 'outcome' from generate_series(301, 307) as n), array['started'],
  'the amount of a minute can be spent at once'
);
select is(
  tests.begin(308), '{"outcome": "rate_limited", "retryAfterMs": 8572}'::jsonb,
  'the next one has to wait until one is worked off'
);
select is(tests.status(308), null, 'and nothing is begun');
select is(tests.begin(307, p_lease => 2) ->> 'outcome', 'busy', 'one that exists is answered as ever');
select tests.activate(306);
select is(tests.begin(306) ->> 'outcome', 'existing', 'and one that is made');
select is(tests.begin(308, tests.bob()) ->> 'outcome', 'started', 'the rate is each user''s own');
select tests.pass(interval '8.5 seconds');
select is(tests.begin(309) ->> 'retryAfterMs', '72', 'time that has passed is waited no longer');
select tests.pass(interval '1 second');
select is(tests.begin(309) ->> 'outcome', 'started', 'after the wait there is one');
select is(tests.begin(310) ->> 'outcome', 'rate_limited', 'and one only');
select tests.pass(interval '1 minute');
select is(
  (select count(*)::integer from generate_series(310, 330) as n where tests.begin(n) ->> 'outcome' = 'started'), 7,
  'after a minute there is the whole amount, and no more'
);
select tests.pass(interval '2 minutes');
select tests.begin(n) from generate_series(341, 345) as n;
select tests.pass(interval '-2 seconds');
select is(
  (select count(*)::integer from generate_series(346, 350) as n where tests.begin(n) ->> 'outcome' = 'started'), 2,
  'calls that began before the first and were overtaken by it get the whole amount, too, and no more'
);
select is(
  (select taken_at - acontext_sessions.clock() from acontext_sessions.user_rates where action = 'creation' and user_id = tests.alice()),
  interval '2 seconds', 'and do not take the time back'
);

-- A clock that is set back
select tests.pass(interval '-1 day');
select is(tests.begin(331) ->> 'outcome', 'started', 'a clock that was set back locks nobody out');
select tests.pass(interval '1 day');
select tests.pass(interval '-90 seconds');
reset role;
update acontext_sessions.user_rates set spent_until = acontext_sessions.clock() + interval '110 seconds' where user_id = tests.alice();
set local role service_role;
select cmp_ok(
  (tests.begin(332) ->> 'retryAfterMs')::integer, '<=', 120000, 'one that was set back a little does for two minutes at most'
);

-- An id that is used up counts as an attempt
reset role;
truncate acontext_sessions.user_rates;
insert into acontext_sessions.deletion_log (
  id, origin_id, user_id, reason, requested_at, finished_at, attempts, session_proof, session_gone_at, disk_proof, disk_gone_at
)
select tests.session(400), tests.session(400), tests.alice(), 'requested', c, c, 1, 'deleted', c, 'deleted', c
from acontext_sessions.clock() as c;
set local role service_role;
select is(
  array(select distinct tests.begin(400) ->> 'outcome' from generate_series(1, 7)), array['deleted'], 'a used id is refused as ever'
);
select is(tests.begin(400) ->> 'outcome', 'rate_limited', 'and no more often than a minute allows');
reset role;
update acontext_sessions.settings set max_creations_per_minute = null;
set local role service_role;
select is(tests.begin(401) ->> 'outcome', 'started', 'without a limit there is no wait');

-- Deletions by the minute
select tests.make_active(n) from generate_series(501, 504) as n;
reset role;
update acontext_sessions.settings set max_deletions_per_minute = 2, deletion_grace = '1 day';
set local role service_role;
select is(
  array(select distinct tests.request_deletion(n) ->> 'outcome' from generate_series(501, 502) as n), array['queued'],
  'deletions up to the limit are done'
);
select is(
  tests.request_deletion(503), '{"outcome": "rate_limited", "retryAfterMs": 30000}'::jsonb, 'one above it has to wait'
);
select is(array[tests.status(503), tests.queued(503)], array['active', null], 'and changes nothing');
select is(tests.request_deletion(501) ->> 'outcome', 'queued', 'one that is repeated is answered as ever');
select is(tests.request_deletion(504, tests.bob()) ->> 'outcome', 'not_found', 'and one of what is another''s');
select tests.pass(interval '30 seconds');
select is(tests.request_deletion(503) ->> 'outcome', 'queued', 'after the wait it is done');
reset role;
update acontext_sessions.settings set max_deletions_per_minute = null, deletion_grace = default;

-- Messages by the minute, one of ten paying for ten
set local role service_role;
select tests.make_active(n) from generate_series(601, 604) as n;
reset role;
update acontext_sessions.settings set max_stores_per_minute = 200;
set local tests.random = '0.1';
set local role service_role;
select pg_temp.store(601, 'k' || n) from generate_series(1, 50) as n;
select is_empty(
  $$select 1 from acontext_sessions.user_rates where action = 'store'$$, 'nine of ten messages write nothing about the rate'
);
set local tests.random = '0.0999';
select pg_temp.store(601, 'paid');
select is(
  (select spent_until - acontext_sessions.clock() from acontext_sessions.user_rates where action = 'store'), interval '3 seconds',
  'the tenth pays for all ten'
);
select is(
  (select count(*)::integer from generate_series(1, 30) as n where pg_temp.store(602, 'p' || n) ->> 'outcome' = 'started'), 19,
  'paid, a minute''s amount is stored at once'
);
set local tests.random = '0.9';
create temporary table before as select s::text as text from public.session_mappings as s where s.id = tests.session(602);
select is(
  pg_temp.store(602, 'late'), '{"outcome": "rate_limited", "retryAfterMs": 3000}'::jsonb,
  'then each message has to wait, not only one of ten'
);
select is(pg_temp.store(603, 'late') ->> 'outcome', 'rate_limited', 'in every session of the user');
select is(
  (select s::text from public.session_mappings as s where s.id = tests.session(602)), (select b.text from before as b),
  'what has to wait changes nothing of the session'
);
select is(
  (select count(*)::integer from acontext_sessions.message_keys where session_id = tests.session(603)), 0, 'and takes no key'
);
select is(pg_temp.store(601, 'paid') ->> 'outcome', 'rate_limited', 'a call that would store again waits');
select public.acontext_settle_message(
  tests.session(601), 'stored', tests.lease(1), encode(sha256('paid'), 'hex'), tests.disk(1), acontext_sessions.clock()
);
select is(pg_temp.store(601, 'paid') ->> 'outcome', 'stored', 'one whose message is stored is answered');
select is(pg_temp.store(602, 'late', tests.bob()) ->> 'outcome', 'not_found', 'and so are those who are refused anyway');
select tests.request_deletion(604);
select is(pg_temp.store(604, 'late') ->> 'outcome', 'deleting', 'a session that is being deleted says so before the rate does');
select tests.pass(interval '3 seconds');
select is(pg_temp.store(602, 'late') ->> 'outcome', 'started', 'after the wait it is stored');

-- Refused messages count back in the session, and not here
set local tests.random = '0';
select tests.pass(interval '2 minutes');
create function pg_temp.refused() returns integer language plpgsql as $$
declare
  v_begun integer := 0;
begin
  for v_number in 1..100 loop
    exit when pg_temp.store(603, 'r' || v_number) ->> 'outcome' <> 'started';
    perform pg_temp.refuse_store(603, 'r' || v_number);
    v_begun := v_begun + 1;
  end loop;
  return v_begun;
end $$;
select is(pg_temp.refused(), 20, 'messages that Acontext refuses are bounded, too');
reset role;
update acontext_sessions.settings set max_stores_per_minute = 5;
set local role service_role;
set local tests.random = '0.9999';
select tests.pass(interval '2 minutes');
select is(
  (select count(*)::integer from generate_series(1, 30) as n where pg_temp.store(602, 's' || n) ->> 'outcome' = 'started'), 5,
  'a small limit is kept to the message'
);
reset role;
update acontext_sessions.settings set max_stores_per_minute = null;

-- Files by the minute
update acontext_sessions.settings set max_file_writes_per_minute = 2;
set local role service_role;
select is(
  pg_temp.write_file(601), public.acontext_use_session(tests.alice(), tests.session(601), true, 0, true),
  'writing a file uses the session'
);
select is(
  (select last_write_at from public.session_mappings where id = tests.session(601)), acontext_sessions.clock(), 'and notes the write'
);
select tests.pass(interval '1 second');
select is(pg_temp.write_file(602) ->> 'outcome', 'ok', 'files are written up to the limit');
select is(
  pg_temp.write_file(601), '{"outcome": "rate_limited", "retryAfterMs": 29000}'::jsonb, 'one above it has to wait'
);
select is(
  (select acontext_sessions.clock() - last_write_at from public.session_mappings where id = tests.session(601)), interval '1 second',
  'and notes no write'
);
select is(pg_temp.write_file(604) ->> 'outcome', 'deleting', 'a session that is being deleted says so before the rate does');
select is(pg_temp.write_file(601, tests.bob()) ->> 'outcome', 'not_found', 'another''s is not found');
select is(
  pg_temp.write_file(601, 'c3333333-3333-4333-8333-333333333333') ->> 'outcome', 'unknown_user', 'nor has a deleted user any'
);
reset role;
update auth.users set banned_until = acontext_sessions.clock() + interval '1 hour' where id = tests.alice();
set local role service_role;
select is(pg_temp.write_file(601) ->> 'outcome', 'banned', 'a banned user is told that, not the rate');
reset role;
update auth.users set banned_until = null where id = tests.alice();
update acontext_sessions.settings set max_file_writes_per_minute = null;

-- What is kept of it
select tests.pass(interval '2 hours');
insert into acontext_sessions.user_rates (user_id, action, spent_until)
values
  (tests.lease(1), 'store', acontext_sessions.clock() - interval '59 minutes'),
  (tests.lease(2), 'store', acontext_sessions.clock() + interval '2 hours');
select cmp_ok(acontext_sessions.purge_history(), '>', 1, 'what means nothing any more is purged at night');
select results_eq(
  'select user_id from acontext_sessions.user_rates', array[tests.lease(1)], 'what users did within an hour is kept'
);

-- Many changes in one request
select tests.make_active(n) from generate_series(1001, 1150) as n;
create function pg_temp.renamed() returns integer language sql
as $$ select count(*)::integer from public.session_mappings where title = 'Renamed' $$;
grant execute on function pg_temp.renamed() to authenticated, service_role;
set local role authenticated;
set local request.jwt.claims = '{"sub": "a1111111-1111-4111-8111-111111111111", "role": "authenticated"}';
select lives_ok(
  $$update public.session_mappings set title = 'Renamed' where id in (select tests.session(n) from generate_series(1001, 1099) as n)$$,
  'a user changes many sessions at once'
);
select lives_ok(
  $$update public.session_mappings set pinned = true where id = tests.session(1100)$$, 'up to a hundred'
);
select throws_ok(
  $$update public.session_mappings set metadata = '{}' where id = tests.session(1101)$$,
  'PT400', 'Cannot change more than 100 sessions at a time', 'and no more in a transaction'
);
reset role;
set local acontext_sessions.changed = '';
set local role authenticated;
select throws_ok(
  $$update public.session_mappings set ttl = '1 hour' where id is not null$$,
  'PT400', 'Cannot change more than 100 sessions at a time', 'nor in one statement'
);
select is(pg_temp.renamed(), 99, 'then nothing of it is changed');
set local role service_role;
select lives_ok(
  $$update public.session_mappings set title = 'Renamed' where user_id = tests.alice() and status = 'active'$$,
  'the service role changes as many as it likes'
);
reset role;
create function public.rename_all() returns void language sql security definer set search_path = ''
as $$ update public.session_mappings set pinned = true where user_id = tests.alice() and status = 'active' $$;
set local role authenticated;
select lives_ok('select public.rename_all()', 'and so does a function of the app that runs with its owner''s rights');
reset role;

select * from finish();
rollback;

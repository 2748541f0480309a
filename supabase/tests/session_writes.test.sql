-- What a session tells about its messages: the limit, how many it surely holds, and when it was last written to.
begin;
\ir helpers/arrange.psql
select no_plan();
select tests.make_active(n) from generate_series(1, 4) as n;
update acontext_sessions.settings set max_messages_per_session = 3;
set local role service_role;

create function pg_temp.use(p_number integer, p_new_messages integer default 0, p_writes boolean default false)
returns jsonb
language sql
as $$ select public.acontext_use_session(tests.alice(), tests.session(p_number), false, p_new_messages, p_writes) $$;

create function pg_temp.count(p_number integer)
returns integer
language sql
as $$ select s.message_count from public.session_mappings as s where s.id = tests.session(p_number) $$;

-- max_messages_per_session
select is(pg_temp.use(1, 2) ->> 'outcome', 'ok', 'there is room for two of three messages');
select is(
  pg_temp.use(1, 2), '{"outcome": "full", "limit": 3}'::jsonb, 'no room for two more, and the caller learns the limit'
);
select is(pg_temp.count(1), 2, 'what has no room is not counted');
select is(pg_temp.use(1, 1) ->> 'outcome', 'ok', 'the last one has room');
select is(pg_temp.use(1, 1) ->> 'outcome', 'full', 'then the session is full');
select is(pg_temp.use(1) ->> 'outcome', 'ok', 'but can be used');
select is(pg_temp.use(1, p_writes => true) ->> 'outcome', 'ok', 'and files can be written');
reset role;
update acontext_sessions.settings set max_messages_per_session = 2;
set local role service_role;
select is(pg_temp.use(1) ->> 'outcome', 'ok', 'also when it has more than a new limit allows');
select is(pg_temp.use(1, 1), '{"outcome": "full", "limit": 2}'::jsonb, 'which holds for the next message');
reset role;
update acontext_sessions.settings set max_messages_per_session = null;
set local role service_role;
select is(pg_temp.use(1, 1) ->> 'outcome', 'ok', 'without a limit there is always room');

-- storedMessages
create function pg_temp.begin(p_number integer, p_key text, p_lease integer default 1)
returns jsonb
language sql
as $$
  select public.acontext_begin_message(
    tests.alice(), tests.session(p_number), tests.lease(p_lease), 60,
    encode(sha256(p_key::bytea), 'hex'), encode(sha256('b'::bytea), 'hex')
  )
$$;
create function pg_temp.settle(p_number integer, p_key text, p_result text, p_message integer default null)
returns jsonb
language sql
as $$
  select public.acontext_settle_message(
    tests.session(p_number), p_result, tests.lease(1), encode(sha256(p_key::bytea), 'hex'),
    tests.disk(p_message), case when p_message is not null then acontext_sessions.clock() end
  )
$$;
select pg_temp.begin(2, key) from unnest(array['stored', 'failed', 'under way']) as key;
select pg_temp.settle(2, 'stored', 'stored', 1);
select pg_temp.begin(3, 'another session');
select is(pg_temp.use(2) -> 'storedMessages', '1'::jsonb, 'of three messages one is surely stored');
select pg_temp.settle(2, 'failed', 'failed');
select is(pg_temp.count(2), 2, 'one that failed is not counted any more');
select is(pg_temp.use(2) -> 'storedMessages', '1'::jsonb, 'so it is not taken off again');
reset role;
update public.session_mappings set message_count_is_exact = false where id = tests.session(2);
set local role service_role;
select is(
  pg_temp.use(2) -> 'storedMessages', 'null'::jsonb, 'of a session whose count was never exact nothing is known'
);

-- writtenMsAgo and last_write_at
select is(pg_temp.use(4) -> 'writtenMsAgo', 'null'::jsonb, 'a session that was never written to says so');
select is(pg_temp.use(4, p_writes => true) -> 'writtenMsAgo', 'null'::jsonb, 'the first write sees none before it');
select tests.pass(interval '1.5 seconds');
select is(pg_temp.use(4, 1) -> 'writtenMsAgo', '1500'::jsonb, 'the next one sees it');
select is(pg_temp.use(4) -> 'writtenMsAgo', '0'::jsonb, 'a message is a write');
select tests.pass(interval '0.0001 seconds');
select is(pg_temp.use(4) -> 'writtenMsAgo', '1'::jsonb, 'rounded up: it was not now');
select public.acontext_note_write(tests.session(4));
select is(pg_temp.use(4) -> 'writtenMsAgo', '0'::jsonb, 'a write that goes on is noted');
select tests.pass(interval '-2 seconds');
select is(pg_temp.use(4) -> 'writtenMsAgo', '0'::jsonb, 'a clock that was put back makes no negative time');
select public.acontext_note_write(tests.session(4));
select pg_temp.use(4, p_writes => true);
select tests.pass(interval '2 seconds');
select is(pg_temp.use(4) -> 'writtenMsAgo', '0'::jsonb, 'and takes back no write');
select is(
  (select array_agg(s.id) from public.session_mappings as s where s.last_write_at >= acontext_sessions.clock()),
  array[tests.session(4)], 'no other session was written to then'
);
select tests.pass(interval '10 seconds');
select tests.queue(4);
select public.acontext_note_write(tests.session(4));
select is(
  (select s.last_write_at from public.session_mappings as s where s.id = tests.session(4)), acontext_sessions.clock(),
  'a write that goes on while the session is being deleted is noted too'
);

select * from finish();
rollback;

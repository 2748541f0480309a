-- acontext_use_session: every outcome, throttled touching, and that a use within the granularity writes nothing indexed.
begin;
\ir helpers/arrange.psql
select no_plan();
select tests.make_active(n) from generate_series(1, 5) as n;
select tests.make_active(6, p_ttl_seconds => 60);
select tests.make_active(7, p_pinned => true);
select tests.begin(8);
set local role service_role;

create function pg_temp.use(
  p_number integer, p_touch boolean default true, p_new_messages integer default 0, p_user_id uuid default tests.alice()
)
returns jsonb
language sql
as $$ select public.acontext_use_session(p_user_id, tests.session(p_number), p_touch, p_new_messages) $$;

create function pg_temp.seen(p_number integer)
returns text
language sql
as $$
  select (s.message_count, acontext_sessions.clock() - s.last_activity_at, s.expires_at - acontext_sessions.clock())::text
  from public.session_mappings as s where s.id = tests.session(p_number)
$$;

create function pg_temp.version(p_number integer)
returns text
language sql
as $$ select (s.ctid, s.xmin, s.cmin)::text from public.session_mappings as s where s.id = tests.session(p_number) $$;

select is(
  pg_temp.use(1),
  jsonb_build_object(
    'outcome', 'ok', 'acontextSessionId', tests.session(1), 'acontextDiskId', tests.disk(1),
    'writtenMsAgo', null, 'storedMessages', 0
  ),
  'the owner may use an active session, and learns where it is in Acontext'
);
select is(pg_temp.use(1, p_user_id => tests.bob()), '{"outcome": "not_found"}'::jsonb, 'another user may not');
select is(pg_temp.use(99), '{"outcome": "not_found"}'::jsonb, 'an unknown id is not found');
select is(pg_temp.use(8), '{"outcome": "provisioning"}'::jsonb, 'a half-made session is not ready');

-- Touching
select tests.pass(interval '59 seconds');
create temporary table before as select pg_temp.version(1) as version;
select pg_temp.use(1);
select is(pg_temp.version(1), (select version from before), 'within the granularity a look writes nothing at all');
select pg_temp.use(1, p_new_messages => 2);
select is(
  pg_temp.seen(1), (2, interval '59 seconds', interval '29 days 23:59:01')::text,
  'a message changes the count and nothing else'
);
select tests.pass(interval '1 second');
create temporary table later as select pg_temp.version(1) as version;
select pg_temp.use(1, p_touch => false);
select is(pg_temp.version(1), (select version from later), 'a look that is no use writes nothing ever');
select pg_temp.use(1, p_new_messages => 1);
select is(
  pg_temp.seen(1), (3, interval '0', interval '30 days')::text, 'after the granularity a use prolongs the session''s life'
);
select is(
  (select updated_at from public.session_mappings where id = tests.session(1)),
  acontext_sessions.clock() - interval '60 seconds', 'a use is no edit'
);

-- The lifetime of session 6 is as long as the granularity and would have ended by now
select is(pg_temp.use(6), '{"outcome": "expired"}'::jsonb, 'a session whose time is over is not used, swept or not');
select is(pg_temp.use(6, p_new_messages => 1), '{"outcome": "expired"}'::jsonb, 'nor written to');
select is(pg_temp.seen(6), (0, interval '60 seconds', interval '0')::text, 'and stays as it was');
select tests.make_active(9, p_ttl_seconds => 60);
select tests.pass(interval '5.9 seconds');
select pg_temp.use(9);
select is(pg_temp.seen(9), (0, interval '5.9 seconds', interval '54.1 seconds')::text, 'a short life is not touched all the time');
select tests.pass(interval '0.1 seconds');
select pg_temp.use(9);
select is(pg_temp.seen(9), (0, interval '0', interval '60 seconds')::text, 'but ten times as long as it lasts');

select tests.pass(interval '31 days');
select is(pg_temp.use(2), '{"outcome": "expired"}'::jsonb, 'an expired session is not used');
select is(pg_temp.use(7) ->> 'outcome', 'ok', 'a pinned session never expires');
select is(pg_temp.seen(7), (0, interval '0', null::interval)::text, 'and is touched all the same');

select tests.request_deletion(7);
select is(pg_temp.use(7), '{"outcome": "deleting"}'::jsonb, 'a session being deleted is not used');
select is(pg_temp.use(7, p_new_messages => 1), '{"outcome": "deleting"}'::jsonb, 'nor written to');
select is(
  (select message_count from public.session_mappings where id = tests.session(7)), 0, 'nothing was counted'
);
reset role;

select tests.make_active(10);
create temporary table updates as
select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables where relid = 'public.session_mappings'::regclass;
set local role service_role;
select pg_temp.use(10, p_new_messages => 1) from generate_series(1, 5);
reset role;
select results_eq(
  $$select s.n_tup_upd - u.n_tup_upd, s.n_tup_hot_upd - u.n_tup_hot_upd
    from pg_stat_xact_user_tables as s, updates as u where s.relid = 'public.session_mappings'::regclass$$,
  'values (5::bigint, 5::bigint)',
  'counting writes no index'
);

-- Every index is left alone by a counted message: the update can stay within its page.
select is_empty(
  $$select i.indexrelid::regclass from pg_index as i
    join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
    where i.indrelid = 'public.session_mappings'::regclass and a.attname = 'message_count'$$,
  'no index covers the count'
);

select * from finish();
rollback;

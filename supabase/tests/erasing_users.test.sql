-- Erasing a user: the sessions are queued at once, each for when nobody is at work on it any more.
begin;
\ir helpers/arrange.psql
select no_plan();
update acontext_sessions.settings set deletion_grace = '1 day';

select tests.make_active(1);
select tests.begin(2, p_lease_seconds => 45);
select tests.make_active(3);
select tests.make_active(4, tests.bob());
select tests.begin(5, p_lease_seconds => 45);
select tests.make_active(6);
select tests.pass('10 seconds');
select public.acontext_note_write(tests.session(n)) from unnest(array[3, 6]) as n;
select tests.request_deletion(n) from unnest(array[5, 6]) as n;
select is(
  array[tests.due_in(5), tests.due_in(6)], array[interval '1 day', interval '1 day'],
  'what its user deleted can be had back for a day'
);
select tests.pass('1 second');

delete from auth.users where id = tests.alice();
select is(
  (select array_agg(tests.queued(n) order by n) from generate_series(1, 6) as n),
  array[
    'user_deleted/own/own', 'user_deleted/none/none', 'user_deleted/own/own', null, 'user_deleted/none/none',
    'user_deleted/own/own'
  ],
  'the sessions of an erased user are queued, and no others'
);
select is(tests.due_in(1), '0'::interval, 'at once: there is nobody who could want it back');
select is(
  tests.due_in(2), interval '45 seconds' - interval '11 seconds',
  'what is just being made has until the end of its lease, so that what was made can be reported'
);
select is(
  tests.due_in(3), acontext_sessions.write_gap() - interval '1 second',
  'and what was just written to until the write is counted'
);
select is(
  array[tests.due_in(5), tests.due_in(6)], array[tests.due_in(2), tests.due_in(3)],
  'deleted before or not'
);
select is(
  (select array_agg(s.user_id order by s.id) from public.session_mappings as s),
  array[null, null, null, tests.bob(), null, null], 'the rows have lost their owner'
);
select is(
  (select array_agg(distinct q.user_id) from acontext_sessions.deletion_queue as q), array[tests.alice()],
  'the queue remembers whose they were'
);
select is(
  public.acontext_count_user_data(tests.alice()), '{"queued": 5, "sessions": 0}'::jsonb,
  'so that what is left of a user can be counted'
);
select is(
  public.acontext_count_user_data(tests.bob()), '{"queued": 0, "sessions": 1}'::jsonb, 'and of nobody else'
);

set local role service_role;
select set_eq(
  'select tests.claim()', array[tests.session(1)], 'a worker takes what nobody is at work on'
);
select set_eq(
  $$ select tests.claim() from (select tests.pass('34 seconds')) as later $$,
  array[tests.session(2), tests.session(3), tests.session(5), tests.session(6)], 'and the others as soon as they are due'
);

select * from finish();
rollback;

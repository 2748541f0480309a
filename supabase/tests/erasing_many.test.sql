-- Erasing a user with many sessions: the user goes at once, and the sessions follow in steps.
begin;
\ir helpers/arrange.psql
select no_plan();

create function tests.as_alice() returns void language sql
as $$
  select set_config('request.jwt.claims', jsonb_build_object('sub', tests.alice(), 'role', 'authenticated')::text, true);
  select set_config('role', 'authenticated', true);
$$;
-- Of Alice's: those that still have their owner, and those that are queued.
create function tests.left_and_queued() returns integer[] language sql
as $$
  select array[
    (select count(*) from public.session_mappings as s where s.user_id = tests.alice()),
    (select count(*) from acontext_sessions.deletion_queue as q where q.user_id = tests.alice() and q.reason = 'user_deleted')
  ]::integer[];
$$;

-- Many sessions of one user, and one of somebody else
insert into public.session_mappings (id, user_id)
select tests.session(n), tests.alice() from generate_series(1, 5000) as n;
update public.session_mappings set status = 'active', acontext_session_id = id, acontext_disk_id = md5(id::text)::uuid
where user_id = tests.alice();
select tests.make_active(9001, tests.bob());
select tests.pass('1 minute');

select tests.as_alice();
select is((select count(*)::integer from public.session_mappings), 5000, 'a user sees them all');
reset role;

-- The user goes, whatever a look has made of it before
insert into acontext_sessions.erased_users (user_id, held_back) values (tests.alice(), true);
delete from auth.users where id = tests.alice();
select is(
  tests.left_and_queued(), array[4900, 100], 'the deletion of the user changes a hundred rows, however many there are'
);
select is(
  (select array_agg(e.user_id) from acontext_sessions.erased_users as e), array[tests.alice()], 'what is left is noted'
);

-- Between the steps
select tests.as_alice();
select is((select count(*)::integer from public.session_mappings), 0, 'the token that is left shows none of them');
update public.session_mappings set title = 'mine' where id = tests.session(5000);
reset role;
select is_empty($$select 1 from public.session_mappings where title = 'mine'$$, 'and changes none');
set local role service_role;
select is(
  array[
    public.acontext_use_session(tests.alice(), tests.session(5000), true),
    public.acontext_begin_message(tests.alice(), tests.session(5000), tests.lease(9), 60, 'key', 'body'),
    -- One that has lost its owner already
    public.acontext_begin_message(tests.alice(), (
      select q.id from acontext_sessions.deletion_queue as q limit 1
    ), tests.lease(9), 60, 'key', 'body'),
    tests.begin(9002),
    tests.begin(5000),
    public.acontext_restore_session(tests.alice(), tests.session(5000))
  ],
  array_fill('{"outcome": "unknown_user"}'::jsonb, array[6]), 'nothing is used, made or had back with it'
);
select is(acontext_sessions.count_due(false, false, 500), 500, 'a run has something to do');
select is(public.acontext_preview_sweep(500, false) ->> 'queued', '500', 'and a dry run says so');
reset role;

-- The steps: of runs, of which one dies, and of the retry job.
select tests.start_run(1);
select is(
  public.acontext_queue_due_sessions(tests.run(1), 700) - 'tooManyExpiring',
  '{"expired": 0, "stale": 0, "erased": 700, "more": true}'::jsonb, 'a step of a run takes as many as it may'
);
savepoint dies;
select public.acontext_queue_due_sessions(tests.run(1), 700);
rollback to savepoint dies;
select is(tests.left_and_queued(), array[4200, 800], 'a step that is cut off changes nothing');
select acontext_sessions.dispatch_sweep('retry', false, false);
select is(tests.left_and_queued(), array[2200, 2800], 'the retry job goes on without a run');
select public.acontext_queue_due_sessions(tests.run(1), 1000);
select is(tests.left_and_queued(), array[1200, 3800], 'step by step');
select is(
  public.acontext_queue_due_sessions(tests.run(1), 1201) - 'tooManyExpiring',
  '{"expired": 0, "stale": 0, "erased": 1200, "more": false}'::jsonb, 'until none is left'
);
select is(tests.left_and_queued(), array[0, 5000], 'every session is in the queue, with whose it was');
select is_empty('select 1 from acontext_sessions.erased_users', 'and the user is no longer noted');
select is(
  public.acontext_queue_due_sessions(tests.run(1), 1000) ->> 'erased', null, 'a step without deleted users moves nothing'
);
select is(
  array[tests.status(9001), tests.queued(9001)], array['active', null], 'the sessions of others are as they were'
);

select * from finish();
rollback;

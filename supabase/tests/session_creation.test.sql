-- acontext_begin_session, acontext_activate_session, acontext_release_session: every outcome.
begin;
\ir helpers/arrange.psql
select no_plan();
set local role service_role;

-- acontext_begin_session
select is(
  public.acontext_begin_session(tests.alice(), tests.session(1), tests.lease(1), 60, '{"a": 1}', false, 'Trip', 3600),
  jsonb_build_object('outcome', 'started', 'session', jsonb_build_object(
    'id', tests.session(1), 'status', 'provisioning', 'title', 'Trip', 'metadata', '{"a": 1}'::jsonb, 'pinned', false,
    'ttl', 3600, 'messageCount', 0, 'acontextSessionId', null, 'acontextDiskId', null,
    'createdAt', acontext_sessions.clock(), 'updatedAt', acontext_sessions.clock(), 'lastActivityAt', acontext_sessions.clock(),
    'expiresAt', acontext_sessions.clock() + interval '1 hour'
  ), 'disableTaskTracking', false),
  'acontext_begin_session writes the intent and answers the session'
);
select is(tests.status(1), 'provisioning', 'the row is there before anything remote is');
select results_eq(
  'select session_id, lease_id, leased_until - acontext_sessions.clock() from acontext_sessions.provisioning_leases',
  $$values (tests.session(1), tests.lease(1), interval '60 seconds')$$,
  'its making is leased to the caller'
);
select is(
  tests.begin(1, p_lease => 2), '{"outcome": "busy", "retryAfterMs": 60000}'::jsonb,
  'a second caller with the same id has to wait for the first'
);
select tests.pass(interval '20 seconds');
select is(
  tests.begin(1, p_lease => 2), '{"outcome": "busy", "retryAfterMs": 40000}'::jsonb, 'and learns for how long'
);
select is((select lease_id from acontext_sessions.provisioning_leases), tests.lease(1), 'the lease is still the first caller''s');
select is(tests.begin(1, tests.bob()), '{"outcome": "not_found"}'::jsonb, 'somebody else''s id is not found');
select tests.pass(interval '40 seconds');
select is(tests.begin(1, p_lease => 2) ->> 'outcome', 'resumed', 'after the lease anybody who owns the id resumes');
select is(
  (select lease_id from acontext_sessions.provisioning_leases), tests.lease(2), 'the lease is the second caller''s now'
);
select is(
  (select (title, ttl)::text from public.session_mappings), ('Trip', interval '1 hour')::text,
  'resuming keeps what the first call said'
);
select is(
  tests.begin(2, p_lease_seconds => 3600) ->> 'outcome', 'started', 'a caller may ask for a longer lease'
);
select is(
  (select leased_until - acontext_sessions.clock() from acontext_sessions.provisioning_leases where session_id = tests.session(2)),
  interval '2 minutes', 'but gets two minutes at most: less than any provisioning_timeout'
);
select is(
  tests.begin(3, 'c3333333-3333-4333-8333-333333333333'), '{"outcome": "unknown_user"}'::jsonb,
  'a user that does not exist begins nothing'
);
select is(tests.status(3), null, 'and leaves no row');

-- acontext_activate_session
select isnt_empty(
  'select 1 from acontext_sessions.uncertain_sessions where session_id = tests.session(1)',
  'a session that was resumed may have a second disk'
);
delete from acontext_sessions.uncertain_sessions where session_id = tests.session(1);
select is(
  tests.activate(1, 1), '{"outcome": "lease_lost"}'::jsonb, 'a caller that lost its lease binds nothing'
);
select isnt_empty(
  'select 1 from acontext_sessions.uncertain_sessions where session_id = tests.session(1)',
  'and leaves the session to be looked into'
);
select is(tests.status(1), 'provisioning', 'the session is still being made by the other');
select tests.pass(interval '10 seconds');
select is(
  tests.activate(1, 2) #- '{session,metadata}',
  jsonb_build_object('outcome', 'active', 'session', jsonb_build_object(
    'id', tests.session(1), 'status', 'active', 'title', 'Trip', 'pinned', false, 'ttl', 3600, 'messageCount', 0,
    'acontextSessionId', tests.session(1), 'acontextDiskId', tests.disk(1),
    'createdAt', acontext_sessions.clock() - interval '70 seconds', 'updatedAt', acontext_sessions.clock(),
    'lastActivityAt', acontext_sessions.clock(), 'expiresAt', acontext_sessions.clock() + interval '1 hour'
  )),
  'acontext_activate_session binds both resources and starts the lifetime'
);
select is_empty(
  'select 1 from acontext_sessions.provisioning_leases where session_id = tests.session(1)', 'the lease is given back'
);
select is(tests.begin(1) ->> 'outcome', 'existing', 'a repeated create gets the existing session');
select is(tests.begin(1, tests.bob()) ->> 'outcome', 'not_found', 'but not for somebody else');

-- A slower caller with other resources
select is(
  public.acontext_activate_session(
    tests.session(1), tests.lease(1), tests.session(1), tests.disk(101), array[tests.session(102)],
    array[tests.disk(1), tests.disk(103)], false
  ) ->> 'outcome',
  'active', 'a slower caller gets the session that the faster one made'
);
reset role;
select is(
  (select acontext_disk_id from public.session_mappings where id = tests.session(1)), tests.disk(1),
  'bound is what the faster one bound'
);
select bag_eq(
  $$select reason::text, origin_id, user_id, acontext_session_id, acontext_disk_id, session_proof::text, disk_proof::text
    from acontext_sessions.deletion_queue$$,
  $$values
    ('orphan', tests.session(1), tests.alice(), null::uuid, tests.disk(101), 'absent', null),
    ('orphan', tests.session(1), tests.alice(), null, tests.disk(103), 'absent', null),
    ('orphan', tests.session(1), tests.alice(), tests.session(102), null, null, 'absent')$$,
  'what the slower caller made in vain is queued; what the session holds is not'
);
set local role service_role;
select lives_ok(
  $$select public.acontext_activate_session(tests.session(1), tests.lease(1), tests.session(1), tests.disk(101), '{}', '{}', false)$$,
  'telling it twice'
);
select is((select count(*)::integer from acontext_sessions.deletion_queue), 3, 'queues nothing twice');

-- Surplus of the caller that wins
select tests.begin(4);
select is(
  public.acontext_activate_session(
    tests.session(4), tests.lease(1), tests.session(4), tests.disk(4), null, array[tests.disk(104)], false
  ) ->> 'outcome',
  'active', 'surplus resources do not stand in the way'
);
select is(
  (select origin_id from acontext_sessions.deletion_queue where acontext_disk_id = tests.disk(104)), tests.session(4),
  'they are queued'
);

-- Resources that are taken
select tests.begin(5);
select is(
  public.acontext_activate_session(tests.session(5), tests.lease(1), tests.session(5), tests.disk(1), '{}', '{}', false),
  '{"outcome": "taken"}'::jsonb, 'a disk that another session holds is not bound'
);
select is(
  public.acontext_activate_session(tests.session(5), tests.lease(1), tests.session(1), tests.disk(5), '{}', '{}', false),
  '{"outcome": "taken"}'::jsonb, 'nor is a remote session that another session holds'
);
select is(
  public.acontext_activate_session(tests.session(5), tests.lease(1), tests.session(5), tests.disk(104), '{}', '{}', false),
  '{"outcome": "taken"}'::jsonb, 'nor is a disk that is queued for deletion'
);
savepoint orphan;
insert into acontext_sessions.deletion_queue (id, origin_id, reason, acontext_session_id)
values (tests.session(105), tests.session(4), 'orphan', tests.session(105));
select is(
  public.acontext_activate_session(tests.session(5), tests.lease(1), tests.session(105), tests.disk(5), '{}', '{}', false),
  '{"outcome": "taken"}'::jsonb, 'nor a remote session that is'
);
rollback to savepoint orphan;
select is(tests.status(5), 'provisioning', 'the session stays to be made');
select is(
  tests.activate(5) ->> 'outcome', 'active', 'the caller keeps its lease, and binds other resources'
);

-- Deleted while it was being made
select tests.begin(6);
select is(tests.request_deletion(6), '{"outcome": "queued"}'::jsonb, 'a half-made session can be deleted');
select is(tests.begin(6), '{"outcome": "deleting"}'::jsonb, 'one being deleted is not begun again');
select is(tests.due_in(6), interval '60 seconds', 'its deletion waits for the caller that is making it');
select is(tests.activate(6), '{"outcome": "deleting"}'::jsonb, 'that caller learns of the deletion');
select is(tests.queued(6), 'requested/own/own', 'and what it made is named in the queue');
select is(tests.due_in(6), interval '0', 'which need not wait any more');

-- Deleted, and then made by two callers, of which the slower holds the lease
select tests.begin(7, p_lease => 1, p_lease_seconds => 10);
select tests.pass(interval '10 seconds');
select tests.begin(7, p_lease => 2);
select tests.request_deletion(7);
select is(tests.activate(7, 1), '{"outcome": "deleting"}'::jsonb, 'a caller without the lease tells what it made');
select is(
  tests.due_in(7), interval '60 seconds', 'the deletion still waits for the caller that holds the lease'
);
select is(
  public.acontext_activate_session(tests.session(7), tests.lease(2), tests.session(7), tests.disk(107), '{}', '{}', false),
  '{"outcome": "deleting"}'::jsonb, 'the other tells too'
);
select is(
  (select origin_id from acontext_sessions.deletion_queue where acontext_disk_id = tests.disk(107)), tests.session(7),
  'and its disk is queued beside'
);

-- The same, but the one that holds the lease fails, with more made than a session has
select tests.begin(12, p_lease => 1, p_lease_seconds => 10);
select tests.pass(interval '10 seconds');
select tests.begin(12, p_lease => 2);
select tests.request_deletion(12);
select tests.activate(12, 1);
select lives_ok(
  $$select public.acontext_release_session(
    tests.session(12), tests.lease(2), array[tests.session(112), tests.session(212)], array[tests.disk(112), tests.disk(212)]
  )$$,
  'a caller that fails tells what it made'
);
select bag_eq(
  $$select reason::text, acontext_session_id, acontext_disk_id from acontext_sessions.deletion_queue
    where origin_id = tests.session(12)$$,
  $$values ('requested', tests.session(12), tests.disk(12)), ('orphan', tests.session(112), null),
    ('orphan', tests.session(212), null), ('orphan', null, tests.disk(112)), ('orphan', null, tests.disk(212))$$,
  'which is queued beside what is named already'
);

-- Made while a worker that found nothing was about to report that all is gone
select tests.begin(8, p_lease_seconds => 10);
select tests.request_deletion(8);
select tests.pass(interval '10 seconds');
select ok(tests.session(8) in (select tests.claim()), 'a worker takes the deletion of a half-made session');
select is(tests.activate(8), '{"outcome": "deleting"}'::jsonb, 'its maker wakes up and tells what it made');
select is(tests.queued(8), 'requested/own/own', 'the queue names it');
select is(
  tests.settle(tests.settlement(8, 'absent', 'absent')),
  '{"deleted": 0, "failed": 0, "released": 0, "lost": 1}'::jsonb,
  'the worker''s report of absence is refused: it looked too early'
);
select is(tests.queued(8), 'requested/own/own', 'the queue still names the resources');
select ok(tests.due_in(8) >= interval '1 minute', 'and gives that worker''s requests time to end');
select ok(
  tests.due_in(8) >= (
    select q.leased_until - acontext_sessions.clock() from acontext_sessions.deletion_queue as q where q.id = tests.session(8)
  ),
  'as long as that worker''s lease lasts'
);
select tests.pass(tests.due_in(8));
select is(
  (
    select (d ->> 'sessionInDoubt', d ->> 'diskInDoubt')::text
    from jsonb_array_elements(public.acontext_claim_deletions(tests.lease(4), 10, 80)) as d
    where d ->> 'id' = tests.session(8)::text
  ),
  '(true,true)', 'the next worker is told that it may have deleted'
);

-- Made after a worker proved the absence of one resource, and before it came to the other
select tests.begin(11, p_lease_seconds => 10);
select tests.request_deletion(11);
select tests.pass(interval '10 seconds');
select tests.claim();
select tests.settle(tests.settlement(11, p_session => 'absent', p_error => 'disk: timeout'));
select is(tests.activate(11), '{"outcome": "deleting"}'::jsonb, 'its maker wakes up between the two');
select is(
  (select (session_gone_at, session_proof, disk_gone_at)::text from acontext_sessions.deletion_queue
   where id = tests.session(11)),
  (null::timestamptz, null::text, null::timestamptz)::text, 'what was proven before it came to be is proven no more'
);

select tests.begin(37, p_lease_seconds => 10);
select tests.request_deletion(37);
select tests.pass(interval '10 seconds');
select tests.claim();
select tests.settle(tests.settlement(37, p_disk => 'absent', p_error => 'session: timeout'));
select tests.activate(37);
select is(
  (select (session_gone_at, disk_gone_at, disk_proof)::text from acontext_sessions.deletion_queue where id = tests.session(37)),
  (null::timestamptz, null::timestamptz, null::text)::text, 'nor is the absence of the other'
);

-- Proven gone before the maker woke up
select tests.begin(9, p_lease_seconds => 10);
select tests.request_deletion(9);
select tests.pass(interval '10 seconds');
select tests.claim();
select tests.settle(tests.settlement(9, 'absent', 'absent'));
select is(tests.status(9), null, 'a half-made session is proven gone');
select is(tests.activate(9), '{"outcome": "deleting"}'::jsonb, 'its maker wakes up after that');
select bag_eq(
  $$select acontext_session_id, acontext_disk_id from acontext_sessions.deletion_queue where origin_id = tests.session(9)$$,
  $$values (tests.session(9), null::uuid), (null, tests.disk(9))$$,
  'and what it made is queued on its own'
);
select is(tests.begin(9), '{"outcome": "deleted"}'::jsonb, 'the id of a deleted session never lives again');
select is(tests.begin(9, tests.bob()), '{"outcome": "not_found"}'::jsonb, 'for anybody');

-- acontext_release_session
select tests.begin(10);
select lives_ok(
  'select public.acontext_release_session(tests.session(10), tests.lease(9))', 'a lease is released by its holder only'
);
select is(tests.begin(10, p_lease => 2) ->> 'outcome', 'busy', 'another lease id changes nothing');
select lives_ok('select public.acontext_release_session(tests.session(10), tests.lease(1))', 'the holder releases');
select is(tests.begin(10, p_lease => 2) ->> 'outcome', 'resumed', 'and a repeated call resumes at once');
select public.acontext_release_session(tests.session(10), tests.lease(2), array[tests.session(10)], array[tests.disk(10)]);
select is(
  (select count(*)::integer from acontext_sessions.deletion_queue where origin_id = tests.session(10)), 0,
  'what a half-made session has is left to whoever makes it next'
);
select is(tests.begin(10, p_lease => 3) ->> 'outcome', 'resumed', 'who resumes at once');
select tests.request_deletion(10);
select public.acontext_release_session(tests.session(10), tests.lease(3), '{}', array[tests.disk(10)]);
select is(
  (select (acontext_session_id, acontext_disk_id)::text from acontext_sessions.deletion_queue where id = tests.session(10)),
  (null::uuid, tests.disk(10))::text, 'its deletion is told of the half that was made'
);

-- The quota
reset role;
select tests.make_active(n, tests.bob()) from generate_series(31, 32) as n;
update acontext_sessions.settings set max_sessions_per_user = 2;
set local role service_role;
select is(
  tests.begin(33, tests.bob()),
  '{"outcome": "quota_exceeded", "limit": 2, "setting": "max_sessions_per_user", "counted": "sessions"}'::jsonb,
  'at the limit nothing is begun'
);
select is(tests.status(33), null, 'and no row is left');
select is(tests.begin(32, tests.bob()) ->> 'outcome', 'existing', 'an existing session is still answered');
select tests.request_deletion(32, tests.bob());
select is(tests.begin(33, tests.bob()) ->> 'outcome', 'started', 'a deleted session does not count as one');
select is(tests.begin(34, tests.bob()) ->> 'outcome', 'quota_exceeded', 'a session that is being made does');
reset role;

-- Task tracking
update acontext_sessions.settings set disable_task_tracking = true, max_sessions_per_user = null;
select is(tests.begin(35, tests.bob()) -> 'disableTaskTracking', 'true'::jsonb, 'whoever begins a session learns the setting');
update acontext_sessions.settings set disable_task_tracking = default;

-- Ids of orphans
select is_empty(
  $$select 1 from acontext_sessions.deletion_queue where reason = 'orphan'
      and id = md5('orphan:' || coalesce(acontext_session_id, acontext_disk_id))::uuid$$,
  'the id of an orphan''s entry cannot be foretold, so no client can choose it for a session'
);

-- A server that chose an id of its own once, and took ours the second time
select tests.begin(36, tests.bob());
select public.acontext_activate_session(
  tests.session(36), tests.lease(1), tests.session(136), tests.disk(36), array[tests.session(36)], '{}', false
);
select is(
  (select origin_id from acontext_sessions.deletion_queue where acontext_session_id = tests.session(36)), tests.session(36),
  'what bears the id of a session that is bound to another is nobody''s'
);

select * from finish();
rollback;

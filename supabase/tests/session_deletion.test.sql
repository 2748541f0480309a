-- acontext_request_session_deletion and acontext_restore_session: every outcome.
begin;
\ir helpers/arrange.psql
select no_plan();
select tests.make_active(n) from generate_series(1, 6) as n;
set local role service_role;

-- Without a grace period
select is(tests.request_deletion(1, tests.bob()), '{"outcome": "not_found"}'::jsonb, 'another user deletes nothing');
select is(tests.request_deletion(99), '{"outcome": "not_found"}'::jsonb, 'an unknown id is not found');
select is(tests.status(1), 'active', 'the session is as it was');
select is(
  tests.request_deletion(1),
  jsonb_build_object('outcome', 'claimed', 'deletion', jsonb_build_object(
    'id', tests.session(1), 'originId', tests.session(1), 'acontextSessionId', tests.session(1),
    'acontextDiskId', tests.disk(1), 'sessionGone', false, 'diskGone', false, 'attempts', 0,
    'messages', 0, 'sessionInDoubt', false, 'diskInDoubt', false
  )),
  'the owner''s call takes the deletion at once'
);
select is(tests.status(1), 'deleting', 'the session is hidden');
select is(
  (select (lease_id, leased_until - acontext_sessions.clock(), next_attempt_at - acontext_sessions.clock(), reason)::text
   from acontext_sessions.deletion_queue where id = tests.session(1)),
  (tests.lease(2), interval '80 seconds', interval '80 seconds', 'requested')::text,
  'the entry is leased to the caller'
);
select is(
  tests.request_deletion(1, p_lease => 4), '{"outcome": "queued"}'::jsonb, 'a second request meets the first one''s lease'
);
select is(
  (select lease_id from acontext_sessions.deletion_queue where id = tests.session(1)), tests.lease(2), 'and leaves it alone'
);
select is_empty('select tests.claim()', 'a worker finds nothing to claim');
select is(
  public.acontext_restore_session(tests.alice(), tests.session(1)), '{"outcome": "too_late"}'::jsonb,
  'a deletion that was begun cannot be taken back'
);
select tests.pass(interval '80 seconds');
select is(
  tests.request_deletion(1, p_lease => 4) ->> 'outcome', 'claimed', 'after an abandoned lease a request takes it again'
);
select is(
  public.acontext_restore_session(tests.alice(), tests.session(1)), '{"outcome": "too_late"}'::jsonb,
  'an abandoned attempt may still land: restoring stays too late'
);

-- With a grace period
reset role;
update acontext_sessions.settings set deletion_grace = '1 day';
set local role service_role;
select is(tests.request_deletion(2), '{"outcome": "queued"}'::jsonb, 'within the grace period nothing is deleted');
select is(tests.due_in(2), interval '1 day', 'the deletion is due when it has passed');
select is_empty('select tests.claim() as id intersect select tests.session(2)', 'no worker can take it before');
select is(
  public.acontext_restore_session(tests.bob(), tests.session(2)), '{"outcome": "not_found"}'::jsonb,
  'another user restores nothing'
);
select is(tests.status(2), 'deleting', 'the session is still deleting');
select tests.pass(interval '1 hour');
select is(
  public.acontext_restore_session(tests.alice(), tests.session(2)) #> '{session,status}', '"active"', 'the owner restores it'
);
select is(
  (select (status, last_activity_at, expires_at, acontext_disk_id)::text from public.session_mappings
   where id = tests.session(2)),
  ('active', acontext_sessions.clock(), acontext_sessions.clock() + interval '30 days', tests.disk(2))::text,
  'its lifetime starts anew, its resources are the same'
);
select is(tests.queued(2), null, 'the queue knows nothing of it');
select is(
  public.acontext_restore_session(tests.alice(), tests.session(2)), '{"outcome": "not_deleting"}'::jsonb,
  'an active session cannot be restored'
);
select is(
  public.acontext_restore_session(tests.alice(), tests.session(99)), '{"outcome": "not_found"}'::jsonb,
  'an unknown id cannot be restored'
);
select is(tests.request_deletion(2), '{"outcome": "queued"}'::jsonb, 'a restored session can be deleted again');
select tests.pass(interval '1 day');
select is(
  public.acontext_restore_session(tests.alice(), tests.session(2)) ->> 'outcome', 'restored',
  'past the grace period it can be restored as long as no worker has come'
);
select tests.request_deletion(2);
select tests.pass(interval '1 day');
select ok(tests.session(2) in (select tests.claim()), 'past the grace period a worker takes it');
select is(
  public.acontext_restore_session(tests.alice(), tests.session(2)), '{"outcome": "too_late"}'::jsonb, 'and then it is too late'
);
select is(tests.status(2), 'deleting', 'too late changes nothing');

-- A half-made session cannot be restored: there is nothing to go back to
select tests.begin(7);
select tests.request_deletion(7);
select is(
  public.acontext_restore_session(tests.alice(), tests.session(7)), '{"outcome": "too_late"}'::jsonb,
  'a half-made session cannot be restored'
);

-- The quota holds for what comes back, too
select tests.request_deletion(3);
select tests.begin(8);
reset role;
update acontext_sessions.settings set max_sessions_per_user = (
  select count(*) from public.session_mappings where user_id = tests.alice() and status <> 'deleting'
);
set local role service_role;
select is(
  public.acontext_restore_session(tests.alice(), tests.session(3)) ->> 'outcome', 'quota_exceeded',
  'who has created up to the limit meanwhile cannot restore'
);
select is(tests.status(3), 'deleting', 'a refused restore changes nothing');
reset role;
update acontext_sessions.settings set max_sessions_per_user = null;

-- The owner is gone
set local role service_role;
reset role;
delete from auth.users where id = tests.alice();
set local role service_role;
select is(
  public.acontext_restore_session(tests.alice(), tests.session(3)), '{"outcome": "unknown_user"}'::jsonb,
  'the sessions of a deleted user cannot be restored'
);
select is(tests.due_in(3), interval '0', 'and their grace period has ended');
reset role;
select throws_ok(
  $$update public.session_mappings set status = 'active' where id = tests.session(3)$$, '23514',
  'new row for relation "session_mappings" violates check constraint "session_has_owner_unless_deleting"',
  'nor by SQL'
);

select * from finish();
rollback;

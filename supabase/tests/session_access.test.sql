-- Personas and operations on public.session_mappings: anon, owner, another user, the service role.
begin;
\ir helpers/arrange.psql
select no_plan();

select tests.make_active(1);
select tests.make_active(2, tests.bob());
select tests.begin(3);
select tests.make_active(4);
select tests.queue(4);

-- anon
set local role anon;
set local request.jwt.claims = '{"role": "anon"}';
select throws_ok(
  'select * from public.session_mappings', '42501', 'permission denied for table session_mappings',
  'anon cannot read sessions'
);
select throws_ok(
  $$insert into public.session_mappings (user_id) values (tests.alice())$$,
  '42501', 'permission denied for table session_mappings', 'anon cannot insert sessions'
);
select throws_ok(
  $$update public.session_mappings set title = 'stolen'$$,
  '42501', 'permission denied for table session_mappings', 'anon cannot update sessions'
);
select throws_ok(
  'delete from public.session_mappings', '42501', 'permission denied for table session_mappings',
  'anon cannot delete sessions'
);
reset role;
select is((select count(*)::integer from public.session_mappings), 4, 'what anon tried added and removed nothing');
select is_empty(
  'select 1 from public.session_mappings where title is not null', 'what anon tried changed nothing'
);

-- the owner
set local role authenticated;
set local request.jwt.claims = '{"sub": "a1111111-1111-4111-8111-111111111111", "role": "authenticated"}';
select results_eq(
  'select id from public.session_mappings', array[tests.session(1)],
  'an owner sees own active sessions: not those of others, not provisioning ones, not deleting ones'
);
select lives_ok(
  $$update public.session_mappings set title = 'Trip', metadata = '{"a": 1}', pinned = true
    where id = tests.session(1)$$,
  'an owner may change title, metadata and pinned'
);
select results_eq(
  'select title, metadata, pinned, expires_at is null from public.session_mappings',
  $$values ('Trip', '{"a": 1}'::jsonb, true, true)$$,
  'the owner''s change is stored, and pinned means no expiry'
);
select lives_ok(
  $$update public.session_mappings set pinned = false where id = tests.session(1)$$,
  'an owner may unpin'
);
select is(
  (select expires_at from public.session_mappings), '2026-02-09 12:00:00+00'::timestamptz,
  'an unpinned session expires again'
);
select lives_ok(
  $$update public.session_mappings set ttl = interval '1 minute' where id = tests.session(1)$$,
  'an owner may set a lifetime, down to a minute'
);
select is(
  (select expires_at - last_activity_at from public.session_mappings), interval '1 minute',
  'an own lifetime moves the expiry'
);
select lives_ok(
  $$update public.session_mappings set ttl = interval '3650 days' where id = tests.session(1)$$,
  'an owner may set a lifetime, up to 3650 days'
);
select throws_ok(
  format('update public.session_mappings set ttl = %L where id = tests.session(1)', ttl),
  '23514', null, 'a lifetime of ' || ttl || ' is refused'
)
from unnest(array['59 seconds', '3651 days', '-1 day', '0']) as ttl;
select is(
  (select ttl from public.session_mappings), interval '3650 days', 'a refused lifetime changes nothing'
);
select lives_ok(
  $$update public.session_mappings set ttl = null where id = tests.session(1)$$,
  'an owner may go back to the project''s lifetime'
);
select is(
  (select expires_at from public.session_mappings), '2026-02-09 12:00:00+00'::timestamptz,
  'without an own lifetime the project''s counts again'
);
select lives_ok(
  $$update public.session_mappings set title = 'mine now' where id = tests.session(2)$$,
  'an update of somebody else''s session touches no row'
);
select lives_ok(
  $$update public.session_mappings set title = 'seen' where id in (tests.session(3), tests.session(4))$$,
  'an update of an own session that is not active touches no row'
);
select throws_ok(
  format('update public.session_mappings set %s where id = tests.session(1)', change),
  '42501', 'permission denied for table session_mappings', 'an owner cannot change ' || split_part(change, ' ', 1)
)
from unnest(array[
  'id = gen_random_uuid()', 'user_id = null', 'status = ''deleting''',
  'message_count = 0', 'acontext_session_id = null', 'acontext_disk_id = null', 'created_at = now()',
  'updated_at = now()', 'last_activity_at = now()', 'expires_at = null'
]) as change;
select throws_ok(
  $$insert into public.session_mappings (user_id) values (tests.alice())$$,
  '42501', 'permission denied for table session_mappings', 'an owner cannot insert a session past create-session'
);
select throws_ok(
  'delete from public.session_mappings where id = tests.session(1)',
  '42501', 'permission denied for table session_mappings', 'an owner cannot delete a session past delete-session'
);
select throws_ok(
  'truncate public.session_mappings', '42501', 'permission denied for table session_mappings',
  'an owner cannot truncate'
);
select throws_ok(
  $$update public.session_mappings set title = repeat('x', 201) where id = tests.session(1)$$,
  '23514', null, 'a title of 201 characters is refused'
);
select throws_ok(
  $$update public.session_mappings set metadata = '[]' where id = tests.session(1)$$,
  '23514', null, 'metadata that is no object is refused'
);
select throws_ok(
  $$update public.session_mappings set metadata = jsonb_build_object('a', repeat('x', 8192))
    where id = tests.session(1)$$,
  '23514', null, 'metadata above 8 KiB is refused'
);
reset role;
select is(
  (select (s.user_id, s.status, s.title, s.acontext_session_id, s.acontext_disk_id, s.ttl)::text
   from public.session_mappings as s where s.id = tests.session(1)),
  (select (tests.alice(), 'active', 'Trip', tests.session(1), tests.disk(1), null::interval)::text),
  'what the owner was denied changed nothing'
);
select is_empty(
  $$select 1 from public.session_mappings where title is not null and id <> tests.session(1)$$,
  'other rows are as they were'
);

-- another user, and a token without a user
set local role authenticated;
set local request.jwt.claims = '{"sub": "b2222222-2222-4222-8222-222222222222", "role": "authenticated"}';
select results_eq(
  'select id from public.session_mappings', array[tests.session(2)], 'another user sees only own sessions'
);
select is_empty(
  'select 1 from public.session_mappings where id = tests.session(1)', 'a known id does not help another user'
);
set local request.jwt.claims = '{"role": "authenticated"}';
select is_empty('select 1 from public.session_mappings', 'a token without a user sees nothing');
reset role;

-- the service role
set local role service_role;
set local request.jwt.claims = '{"role": "service_role"}';
select is((select count(*)::integer from public.session_mappings), 4, 'the service role sees every session');
select lives_ok(
  'delete from public.session_mappings where id = tests.session(1)', 'the service role may ask to delete a row'
);
reset role;
select is(tests.status(1) || ' ' || tests.queued(1), 'deleting requested/own/own', 'and the row becomes a queued deletion');

select * from finish();
rollback;

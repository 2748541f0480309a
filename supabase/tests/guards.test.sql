-- No SQL statement loses a remote id: deletes become queued deletions, ids and owners stay bound, truncate raises.
begin;
\ir helpers/arrange.psql
select no_plan();

select tests.make_active(n) from generate_series(1, 9) as n;
select tests.make_active(11, tests.bob());
select tests.make_active(12, tests.bob());
select tests.begin(13, tests.bob());

-- Deleting rows
select lives_ok('delete from public.session_mappings where id = tests.session(1)', 'an operator may delete a row');
select is(tests.status(1), 'deleting', 'a row deleted by the operator stays, as deleting');
select is(tests.queued(1), 'requested/own/own', 'and its remote resources are queued');
select is(tests.due_in(1), interval '0', 'due at once, as there is no grace period');

set local role service_role;
select lives_ok('delete from public.session_mappings where id = tests.session(2)', 'the service role may delete a row');
reset role;
select is(
  tests.status(2) || ' ' || tests.queued(2), 'deleting requested/own/own',
  'a row deleted by the service role becomes a queued deletion'
);

select lives_ok('delete from public.session_mappings where id = tests.session(2)', 'a row may be deleted twice');
select is(
  tests.status(2) || ' ' || tests.queued(2), 'deleting requested/own/own',
  'the second delete changes nothing'
);

select lives_ok('delete from public.session_mappings where id = tests.session(13)', 'a half-made row may be deleted');
select is(
  tests.status(13) || ' ' || tests.queued(13), 'deleting requested/none/none',
  'what was not bound yet is queued to be found by its mark'
);
select is(tests.due_in(13), interval '60 seconds', 'after the lease of the caller that is making it');

-- Truncating
select throws_ok(
  'truncate public.session_mappings cascade', '23514',
  'Cannot truncate "session_mappings": the ids of remote resources would be lost', 'truncate of the sessions raises'
);
select throws_ok(
  'truncate acontext_sessions.deletion_queue', '23514',
  'Cannot truncate "deletion_queue": the ids of remote resources would be lost', 'truncate of the queue raises'
);
select throws_ok(
  'truncate public.session_mappings, acontext_sessions.deletion_queue cascade', '23514', null, 'so does both at once'
);
select is((select count(*)::integer from public.session_mappings), 12, 'all sessions are still there');
select is((select count(*)::integer from acontext_sessions.deletion_queue), 3, 'all queue entries are still there');

-- Re-binding
select throws_ok(
  'update public.session_mappings set id = gen_random_uuid() where id = tests.session(3)', '23514',
  'Cannot change session "5e550000-0000-4000-8000-000000000003": its ids are bound for life',
  'a session''s id cannot change'
);
select throws_ok(
  format('update public.session_mappings set %s = %s where id = tests.session(3)', c.name, v.value), '23514',
  'Cannot change session "5e550000-0000-4000-8000-000000000003": its ids are bound for life',
  format('%s cannot be set to %s', c.name, v.value)
)
from unnest(array['acontext_session_id', 'acontext_disk_id']) as c (name)
cross join unnest(array['gen_random_uuid()', 'null']) as v (value);
select throws_ok(
  'update public.session_mappings set user_id = tests.bob() where id = tests.session(3)', '23514',
  'Cannot change session "5e550000-0000-4000-8000-000000000003": its owner is bound for life',
  'a session cannot be given to somebody else'
);
select throws_ok(
  $$update public.session_mappings set status = 'provisioning' where id = tests.session(3)$$, '23514',
  'Cannot change session "5e550000-0000-4000-8000-000000000003": an active session is never made again',
  'an active session cannot go back to provisioning'
);
select is(
  (select (s.user_id, s.status, s.acontext_session_id, s.acontext_disk_id)::text
   from public.session_mappings as s where s.id = tests.session(3)),
  (tests.alice(), 'active', tests.session(3), tests.disk(3))::text,
  'what was refused changed nothing'
);

-- Sharing
select tests.begin(20);
select throws_ok(
  $$update public.session_mappings set status = 'active', acontext_session_id = tests.session(20),
      acontext_disk_id = tests.disk(3) where id = tests.session(20)$$, '23505',
  'duplicate key value violates unique constraint "acontext_disk_id_is_not_shared"',
  'two sessions cannot share a disk'
);
select throws_ok(
  $$update public.session_mappings set status = 'active', acontext_session_id = tests.session(3),
      acontext_disk_id = tests.disk(20) where id = tests.session(20)$$, '23505',
  'duplicate key value violates unique constraint "acontext_session_id_is_not_shared"',
  'two sessions cannot share a remote session'
);
select throws_ok(
  $$update public.session_mappings set status = 'active', acontext_session_id = tests.session(20)
    where id = tests.session(20)$$, '23514',
  'new row for relation "session_mappings" violates check constraint "active_session_has_both_remote_ids"',
  'a session without a disk cannot become active'
);
select is(tests.status(20), 'provisioning', 'the session that tried is as it was');

-- Inserting past the functions
select throws_ok(
  $$insert into public.session_mappings (id, user_id, status, acontext_session_id, acontext_disk_id)
    values (tests.session(21), tests.alice(), 'active', tests.session(21), tests.disk(21))$$, '23514',
  'Cannot insert session "5e550000-0000-4000-8000-000000000021": a session starts as provisioning, without remote ids',
  'a session cannot be inserted as active'
);
select throws_ok(
  $$insert into public.session_mappings (id, user_id) values (tests.session(21), null)$$, '23514',
  'new row for relation "session_mappings" violates check constraint "session_has_owner_unless_deleting"',
  'a session without an owner cannot be inserted'
);
select is(tests.status(21), null, 'nothing was inserted');

-- The queue
select throws_ok(
  'delete from acontext_sessions.deletion_queue where id = tests.session(1)', '23514',
  'Cannot remove "5e550000-0000-4000-8000-000000000001" from the deletion queue: its remote resources are not proven gone',
  'a queue entry cannot be removed'
);
set local role service_role;
select throws_ok(
  'delete from acontext_sessions.deletion_queue where id = tests.session(1)', '23514',
  'Cannot remove "5e550000-0000-4000-8000-000000000001" from the deletion queue: its remote resources are not proven gone',
  'nor by the service role'
);
reset role;
select throws_ok(
  format('update acontext_sessions.deletion_queue set %s = %s where id = tests.session(1)', c.name, c.value), '23514',
  'Cannot change "5e550000-0000-4000-8000-000000000001" in the deletion queue: its ids are bound for life',
  format('a queue entry''s %s cannot be set to %s', c.name, c.value)
)
from (values
  ('id', 'gen_random_uuid()'), ('origin_id', 'gen_random_uuid()'), ('acontext_session_id', 'null'),
  ('acontext_disk_id', 'gen_random_uuid()')
) as c (name, value);
select is(tests.queued(1), 'requested/own/own', 'the queue entry is as it was');

-- Taking a deletion back by SQL
select lives_ok(
  $$update public.session_mappings set status = 'active' where id = tests.session(1)$$,
  'an operator may take back a deletion that nobody has begun'
);
select is(tests.queued(1), null, 'and then its queue entry is gone');
select tests.queue(1);
select tests.claim();
select throws_ok(
  $$update public.session_mappings set status = 'active' where id = tests.session(1)$$, '23514',
  'Cannot restore session "5e550000-0000-4000-8000-000000000001": its deletion has begun',
  'a deletion that was begun cannot be taken back by SQL'
);
select is(
  tests.status(1) || ' ' || tests.queued(1), 'deleting requested/own/own', 'the session is still queued for deletion'
);

-- A row that is half gone
select tests.queue(5);
select tests.claim();
select tests.settle(tests.settlement(5, p_session => 'deleted'));
select lives_ok('delete from public.session_mappings where id = tests.session(5)', 'a half-deleted row may be deleted');
select is(tests.status(5), 'deleting', 'it stays until the other resource is proven gone');
select throws_ok(
  'delete from acontext_sessions.deletion_queue where id = tests.session(5)', '23514', null, 'and so does its queue entry'
);

-- Deleting a user. Session 12 is being deleted already, within a grace period.
update acontext_sessions.settings set deletion_grace = '1 day';
select tests.request_deletion(12, tests.bob());
select is(tests.due_in(12), interval '1 day', 'a requested deletion waits for the grace period');
select lives_ok('delete from auth.users where id = tests.bob()', 'a user may be deleted');
select results_eq(
  $$select id, user_id, status::text from public.session_mappings
    where id in (tests.session(11), tests.session(12), tests.session(13)) order by id$$,
  $$values (tests.session(11), null::uuid, 'deleting'), (tests.session(12), null, 'deleting'),
      (tests.session(13), null, 'deleting')$$,
  'the sessions of a deleted user stay, without owner, as deleting'
);
select results_eq(
  $$select id, reason::text, user_id from acontext_sessions.deletion_queue
    where id in (tests.session(11), tests.session(12)) order by id$$,
  $$values (tests.session(11), 'user_deleted', tests.bob()), (tests.session(12), 'user_deleted', tests.bob())$$,
  'they are queued with the reason, and with whose they were'
);
select is(
  array[tests.due_in(11), tests.due_in(12)], array[interval '0', interval '0'],
  'nobody is left to restore them: they are due at once'
);

-- A foreign key of the app that cascades
alter table public.session_mappings add constraint session_mappings_user_id_fkey
  foreign key (user_id) references auth.users (id) on delete cascade;
select tests.request_deletion(4);
select lives_ok('delete from auth.users where id = tests.alice()', 'a user may be deleted by a cascade');
select is(
  (select count(*)::integer from public.session_mappings where status = 'deleting' and user_id is null), 13,
  'a cascade removes no session: all stay as deleting, none refers to the deleted user'
);
select is_empty(
  $$select s.id from public.session_mappings as s
    where not exists (select 1 from acontext_sessions.deletion_queue as q where q.id = s.id
      and (q.acontext_session_id, q.acontext_disk_id)
        is not distinct from (s.acontext_session_id, s.acontext_disk_id))$$,
  'every one of them is queued with its remote ids'
);

select * from finish();
rollback;

-- Users who are deleted, softly or not, or banned: what their token still shows and does, and what becomes of their sessions.
begin;
\ir helpers/arrange.psql
select no_plan();

-- How many sessions a user sees through the API.
create function tests.seen_by(p_user_id uuid) returns integer language plpgsql
as $$
declare
  v_count integer;
begin
  perform set_config('request.jwt.claims', jsonb_build_object('sub', p_user_id, 'role', 'authenticated')::text, true);
  perform set_config('role', 'authenticated', true);
  select count(*)::integer into v_count from public.session_mappings;
  perform set_config('role', 'postgres', true);
  return v_count;
end $$;

-- What using, making and restoring a session answers to Alice.
create function tests.outcomes(p_number integer) returns text[] language sql
as $$
  select array[
    public.acontext_use_session(tests.alice(), tests.session(p_number), true) ->> 'outcome',
    public.acontext_begin_message(
      tests.alice(), tests.session(p_number), tests.lease(9), 60, 'key', 'body'
    ) ->> 'outcome',
    tests.begin(p_number) ->> 'outcome',
    public.acontext_restore_session(tests.alice(), tests.session(p_number)) ->> 'outcome'
  ];
$$;
create function tests.noted() returns uuid[] language sql
as $$ select array_agg(e.user_id order by e.user_id) from acontext_sessions.erased_users as e $$;
grant execute on all functions in schema tests to service_role;

-- Banned
select tests.make_active(1);
select tests.make_active(2, tests.bob());
update auth.users set banned_until = acontext_sessions.clock() + interval '1 hour' where id = tests.alice();
set local role service_role;
select is(
  tests.outcomes(1), array_fill('banned'::text, array[4]), 'who is banned uses, makes and restores nothing'
);
reset role;
select is(tests.seen_by(tests.alice()), 0, 'and sees nothing');
select is(tests.seen_by(tests.bob()), 1, 'unlike others');
select is(array[tests.status(1), tests.queued(1)], array['active', null], 'the sessions stay');
select is(
  public.acontext_request_session_deletion(tests.alice(), tests.session(1), tests.lease(8), 60) ->> 'outcome', 'claimed',
  'who is banned may still delete'
);

update acontext_sessions.settings set deletion_grace = '1 day';
select tests.make_active(3, tests.bob());
update auth.users set banned_until = acontext_sessions.clock() + interval '1 hour' where id = tests.bob();
select is(tests.seen_by(tests.bob()), 0, 'a ban is in force at once');
select tests.pass('1 hour');
select is(tests.seen_by(tests.bob()), 2, 'and until it ends');
update auth.users set banned_until = 'infinity' where id = tests.bob();
select public.acontext_configure_cleanup('{"refuse_banned_users": false}');
select is(tests.seen_by(tests.bob()), 2, 'with refuse_banned_users off, a ban is left to Auth');
select is(
  public.acontext_use_session(tests.bob(), tests.session(2), true) ->> 'outcome', 'ok', 'and so is the use of sessions'
);
select public.acontext_configure_cleanup('{"refuse_banned_users": true}');
update auth.users set banned_until = null where true;

-- Deleted softly
select tests.make_active(4);
select tests.begin(5, p_lease_seconds => 45);
update auth.users set email = 'gone', deleted_at = acontext_sessions.clock() where id = tests.alice();
select is(
  array[tests.queued(4), tests.queued(5)], array['user_deleted/own/own', 'user_deleted/none/none'],
  'a soft deletion queues the sessions'
);
select is(array[tests.due_in(4), tests.due_in(5)], array[interval '0', '45 seconds'], 'as any other does');
select is(tests.noted(), null, 'nothing is left to do');
set local role service_role;
select is(tests.outcomes(4), array_fill('unknown_user'::text, array[4]), 'and the user is refused');
select is(tests.outcomes(6), array_fill('unknown_user'::text, array[4]), 'whatever session is meant');
select is(tests.activate(5) ->> 'outcome', 'deleting', 'what was just being made is not finished');
reset role;
select is(tests.seen_by(tests.alice()), 0, 'the token that is left shows nothing');
select is(tests.queued(5), 'user_deleted/own/own', 'what was made for it is in the queue');
update auth.users set last_sign_in_at = acontext_sessions.clock(), deleted_at = deleted_at where id = tests.alice();
select is(tests.noted(), null, 'a later change of the account notes nothing');

-- A soft deletion that is taken back
update auth.users set deleted_at = null where id = tests.alice();
select tests.make_active(7);
insert into acontext_sessions.erased_users (user_id) values (tests.alice());
select is(acontext_sessions.queue_erased(10), 0, 'who is not deleted any more loses nothing');
select is(array[tests.status(7), tests.noted()::text], array['active', null], 'and is not noted any more');

-- A session that cannot change, because of a trigger of the app
create function tests.refuse_poison() returns trigger language plpgsql
as $$ begin raise exception 'not this one'; end $$;
select tests.make_active(8, tests.bob());
update public.session_mappings set title = 'poison' where id = tests.session(8);
create trigger refuse_poison before update on public.session_mappings
  for each row when (old.title = 'poison') execute function tests.refuse_poison();
select lives_ok('delete from auth.users where id = tests.bob()', 'a user can be deleted although a session cannot change');
select is(
  array[tests.queued(2), tests.queued(3), tests.queued(8)], array['user_deleted/own/own', 'user_deleted/own/own', null],
  'the others are queued'
);
select is(tests.noted(), array[tests.bob()], 'and the user is noted');
select is(tests.seen_by(tests.bob()), 0, 'nothing is visible');
select is(
  public.acontext_session_health(1) -> 'queue' ->> 'erasedForSeconds', null, 'what can be done for the user is done'
);
select is(
  public.acontext_session_health(1) #> '{queue,setAside,count}', '1'::jsonb, 'the session is set aside, which health tells'
);
select lives_ok($$select acontext_sessions.dispatch_sweep('retry', false, false)$$, 'the retry job goes on');
delete from auth.users where id = tests.alice();
select is(tests.queued(7), 'user_deleted/own/own', 'another user who is deleted later is not kept waiting');
drop trigger refuse_poison on public.session_mappings;
select tests.pass('1 minute');
select acontext_sessions.dispatch_sweep('retry', false, false);
select is(
  array[tests.queued(8), tests.noted()::text], array['user_deleted/own/own', null],
  'the retry job queues it once it can, at its next attempt'
);

-- Deleted without our triggers: before they were made, or with triggers off
create or replace function acontext_sessions.note_erased_users() returns trigger language plpgsql
as $$ begin return null; end $$;
insert into auth.users (id) values (tests.alice()), (tests.bob());
select tests.make_active(9);
select tests.make_active(10, tests.bob());
delete from auth.users where id = tests.alice();
update auth.users set deleted_at = acontext_sessions.clock() where id = tests.bob();
select is(
  array[tests.seen_by(tests.alice()), tests.seen_by(tests.bob())], array[0, 0], 'who is deleted unnoticed sees nothing'
);
select acontext_sessions.dispatch_sweep('retry', false, false);
select is(array[tests.queued(9), tests.queued(10)], array[null, null]::text[], 'the retry job does not look for them');
select acontext_sessions.dispatch_sweep('schedule', true, false);
select is(
  array[tests.queued(9), tests.queued(10)], array['user_deleted/own/own', 'user_deleted/own/own'], 'the nightly job does'
);

-- What somebody else holds: waited for once, whoever it is and however many sessions there are
create sequence tests.waits;
create function tests.wait_in_vain() returns trigger language plpgsql
as $$ begin perform nextval('tests.waits'); raise lock_not_available; end $$;
create function tests.held(p_numbers integer[]) returns void language plpgsql
as $$
begin
  perform setval('tests.waits', 1, false);
  update public.session_mappings set title = null where title = 'held';
  update public.session_mappings as s set title = 'held' from unnest(p_numbers) as n where s.id = tests.session(n);
end $$;
insert into auth.users (id) values (tests.alice());
update auth.users set deleted_at = null where id = tests.bob();
select tests.make_active(n) from generate_series(21, 25) as n;
select tests.make_active(n, tests.bob()) from generate_series(26, 28) as n;
select tests.held(array[26]);
create trigger wait_in_vain before update on public.session_mappings
  for each row when (old.title = 'held' and new.title = 'held') execute function tests.wait_in_vain();
delete from auth.users where true;
insert into acontext_sessions.erased_users (user_id, erased_at)
values (tests.alice(), acontext_sessions.clock()), (tests.bob(), acontext_sessions.clock() + interval '1 second');
select is(acontext_sessions.queue_erased(100), 5, 'what one user''s sessions wait for keeps what was done for another');
select is((select last_value from tests.waits), 1::bigint, 'it is waited for once');
select is(tests.noted(), array[tests.bob()], 'and left for the next step');
select tests.pass('1 minute');
select is(
  public.acontext_session_health(1) #> '{queue,erasedForSeconds}', '59'::jsonb, 'health has how long somebody is left'
);
update acontext_sessions.erased_users set held_back = true where user_id = tests.bob();
select is(
  public.acontext_session_health(1) #> '{queue,erasedForSeconds}', 'null'::jsonb, 'who is held back waits for nothing'
);
update acontext_sessions.erased_users set held_back = false where user_id = tests.bob();
select tests.held(array[28]);
update public.session_mappings set title = 'poison' where id = tests.session(27);
create trigger refuse_poison before update on public.session_mappings
  for each row when (old.title = 'poison') execute function tests.refuse_poison();
select lives_ok('select acontext_sessions.queue_erased(100)', 'also when a session cannot change for another reason');
select is((select last_value from tests.waits), 1::bigint, 'it is waited for once');
drop trigger refuse_poison on public.session_mappings;
drop trigger wait_in_vain on public.session_mappings;
select tests.pass('1 minute');
select acontext_sessions.queue_erased(100);
select is(tests.noted(), null, 'then nothing is left');

select * from finish();
rollback;

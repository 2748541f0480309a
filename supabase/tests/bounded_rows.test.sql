-- What users and services can write into public.session_mappings is bounded, and what is there can be read.
begin;
\ir helpers/arrange.psql
select no_plan();

select tests.make_active(1);
select tests.make_active(2, p_ttl_seconds => 3600);

create function tests.lifetime(p_ttl interval)
returns text
language plpgsql
as $$
declare
  v_text text;
begin
  update public.session_mappings set ttl = p_ttl where id = tests.session(1)
  returning concat_ws(' ',
    ttl, extract(epoch from expires_at - last_activity_at)::bigint, acontext_sessions.session_view(session_mappings) -> 'ttl'
  ) into v_text;
  return v_text;
end;
$$;

-- Lifetimes
select is(tests.lifetime(t.ttl::interval), t.stored, 'a lifetime of ' || t.ttl || ' is stored as ' || t.stored)
from (values
  ('60 seconds', '00:01:00 60 60'),
  ('1 day', '24:00:00 86400 86400'),
  ('2 weeks', '336:00:00 1209600 1209600'),
  ('1 day -1 hour', '23:00:00 82800 82800'),
  ('90.75 seconds', '00:01:30 90 90'),
  ('3650 days', '87600:00:00 315360000 315360000')
) as t (ttl, stored);
update public.session_mappings set ttl = null where id = tests.session(1);
select throws_ok(
  format('select tests.lifetime(%L)', t.ttl), '23514',
  format('new row for relation "session_mappings" violates check constraint "%s"', t.fault),
  'a lifetime of ' || t.ttl || ' is refused'
)
from (values
  ('1 month', 'ttl_has_no_months'),
  ('1 year', 'ttl_has_no_months'),
  ('-1000 years 363650 days', 'ttl_has_no_months'),
  ('292000 years -105116350 days', 'ttl_has_no_months'),
  ('0 seconds', 'ttl_in_range'),
  ('59.999 seconds', 'ttl_in_range'),
  ('-1 day', 'ttl_in_range'),
  ('3650 days 1 second', 'ttl_in_range'),
  ('2147483647 days', 'ttl_in_range'),
  ('-2147483648 days', 'ttl_in_range'),
  ('2562047788 hours', 'ttl_in_range'),
  ('-2562047788 hours', 'ttl_in_range')
) as t (ttl, fault);
select lives_ok(
  $$update public.session_mappings set ttl = '1 hour' where id = tests.session(2)$$, 'a lifetime can be set to what it is'
);
select is(
  (select (ttl, updated_at)::text from public.session_mappings where id = tests.session(2)),
  (select (interval '01:00:00', created_at)::text from public.session_mappings where id = tests.session(2)),
  'and that is no change'
);
select lives_ok(
  $$update public.session_mappings set ttl = '1 year -360 days 1 hour' where id = tests.session(2)$$,
  'nor is it one to write the same in other units'
);
select lives_ok(
  $$update public.session_mappings set ttl = '1 month -30 days 1 hour', title = 'x' where id = tests.session(2)$$,
  'whatever is written besides'
);
select is(
  (select (ttl, updated_at)::text from public.session_mappings where id = tests.session(2)),
  (select (interval '01:00:00', created_at)::text from public.session_mappings where id = tests.session(2)),
  'and it stays in seconds'
);
set local timezone = 'Europe/Berlin';
update public.session_mappings set last_activity_at = '2025-03-29 12:00+01', ttl = '2 days' where id = tests.session(2);
select is(
  (select extract(epoch from expires_at - last_activity_at)::integer from public.session_mappings where id = tests.session(2)),
  2 * 86400, 'a day has 86,400 seconds, whatever the clocks do that night'
);
set local timezone = 'UTC';

-- Times
create function tests.times(p_set text)
returns text
language plpgsql
as $$
declare
  v_text text;
begin
  execute format(
    'update public.session_mappings as s set %s where id = tests.session(1)
     returning concat_ws(%L, s.created_at, s.last_activity_at, s.last_write_at, s.updated_at, s.expires_at)', p_set, '|'
  ) into v_text;
  return replace(v_text, acontext_sessions.clock()::text, 'now');
end;
$$;

update public.session_mappings set ttl = null where id = tests.session(1);
select is(
  tests.times(format('created_at = %1$L, last_activity_at = %1$L, last_write_at = %1$L, updated_at = %1$L', t.time)),
  'now|now|now|now|2026-02-09 12:00:00+00', 'nothing has happened in the future: ' || t.time
)
from unnest(array['infinity', '294276-12-31 23:59:59+00', '2026-01-10 12:00:00.000001+00']) as t (time);
select throws_ok(
  format('select tests.times(%L)', c || ' = ' || quote_literal(t)), '23514',
  'new row for relation "session_mappings" violates check constraint "times_in_range"', c || ' cannot be ' || t
)
from unnest(array['created_at', 'last_activity_at', 'last_write_at', 'updated_at']) as c,
  unnest(array['-infinity', '4714-11-24 00:00:00+00 BC', '1999-12-31 23:59:59+00']) as t;
select throws_ok(
  format('select tests.times(%L)', 'expires_at = ' || quote_literal(t)), '23514',
  'new row for relation "session_mappings" violates check constraint "times_in_range"',
  'expires_at cannot be ' || t
)
from unnest(array['-infinity', '1999-12-31', '10000-01-01', '294276-12-31', 'infinity']) as t;
select is(
  tests.times('created_at = ''2000-01-01'', last_activity_at = ''2026-01-01'', last_write_at = null, updated_at = ''2026-01-02'''),
  '2000-01-01 00:00:00+00|2026-01-01 00:00:00+00|2026-01-02 00:00:00+00|2026-01-31 00:00:00+00',
  'times in the past are kept as they are, and what was never written to stays so'
);
select throws_ok(
  'select tests.times(''last_activity_at = null'')', '23502', null, 'a time that is needed cannot be taken away'
);
update public.session_mappings
set created_at = acontext_sessions.clock(), updated_at = acontext_sessions.clock(),
  last_activity_at = acontext_sessions.clock(), last_write_at = acontext_sessions.clock()
where id in (tests.session(1), tests.session(2));
select tests.pass('-1 day');
select is(
  public.acontext_use_session(tests.alice(), tests.session(1), true, 1, true) ->> 'outcome', 'ok',
  'after the clock was set back, a session can be used'
);
select lives_ok(
  $$update public.session_mappings set last_write_at = '2026-01-01' where id = tests.session(1)$$,
  'and a service can write to it'
);
select is(
  (select (created_at, updated_at, last_activity_at)::text from public.session_mappings where id = tests.session(1)),
  '("2026-01-10 12:00:00+00","2026-01-10 12:00:00+00","2026-01-10 12:00:00+00")', 'and the other times stay'
);
update public.session_mappings set created_at = '2026-01-01' where id = tests.session(2);
select is(
  (select last_write_at from public.session_mappings where id = tests.session(2)), '2026-01-10 12:00:00+00',
  'whichever is written'
);
update public.session_mappings set last_write_at = '2026-01-10 12:00:00+00' where id = tests.session(1);
select is(
  (select last_write_at from public.session_mappings where id = tests.session(1)), '2026-01-09 12:00:00+00',
  'but what is written is not in the future of the clock as it is'
);
select lives_ok(
  $$update public.session_mappings set title = 'Trip' where id = tests.session(1)$$, 'a user can change the title'
);
select is(
  (select (updated_at, last_activity_at, created_at)::text from public.session_mappings where id = tests.session(1)),
  '("2026-01-09 12:00:00+00","2026-01-10 12:00:00+00","2026-01-10 12:00:00+00")', 'which changes no time but its own'
);
select tests.pass('1 day');
set local role service_role;
insert into public.session_mappings (id, user_id, created_at, updated_at, last_activity_at, last_write_at, expires_at, ttl)
values (tests.session(3), tests.alice(), 'infinity', '294276-12-31', '294276-12-31', 'infinity', 'infinity', '1 day');
reset role;
select is(
  (select (created_at, updated_at, last_activity_at, last_write_at, expires_at, ttl)::text
   from public.session_mappings where id = tests.session(3)),
  (select (n, n, n, n, n + interval '1 day', interval '24:00:00')::text from acontext_sessions.clock() as n),
  'what a service inserts has the same bounds'
);

-- Counters
update public.session_mappings set message_count = 2147483645 where id = tests.session(1);
select is(
  public.acontext_use_session(tests.alice(), tests.session(1), true, 1, true) -> 'storedMessages', '2147483645'::jsonb,
  'below the maximum a count is exact'
);
select is(
  public.acontext_use_session(tests.alice(), tests.session(1), true, 1, true) -> 'storedMessages', 'null'::jsonb,
  'at the maximum nobody says how many messages are surely stored'
);
select is(
  public.acontext_use_session(tests.alice(), tests.session(1), true, t.messages, true) ->> 'outcome', 'ok',
  'a session takes messages however many were counted'
)
from unnest(array[1, 1, 2147483647]) as t (messages);
select is(
  (select message_count from public.session_mappings where id = tests.session(1)), 2147483647,
  'the count stays at its maximum'
);
select is(
  public.acontext_begin_message(
    tests.alice(), tests.session(1), tests.lease(9), 60, repeat('a', 64), repeat('b', 64)
  ) ->> 'outcome', 'started', 'a message with a key is taken as well'
);
select is(
  public.acontext_settle_message(tests.session(1), 'refused', tests.lease(9), repeat('a', 64)), '{"active": true}'::jsonb,
  'and settled'
);
update acontext_sessions.settings set max_messages_per_session = 2147483647 where only_row;
select is(
  public.acontext_use_session(tests.alice(), tests.session(1), true, 2147483647, true) ->> 'outcome', 'full',
  'a limit of messages can be the largest number, too'
);
update public.session_mappings set message_count = 2147483647 where id = tests.session(1);
select is(tests.request_deletion(1) ->> 'outcome', 'queued', 'such a session is not deleted while its user waits');
select is(
  (select messages from acontext_sessions.deletion_queue where id = tests.session(1)), null,
  'nor is it taken for one that no worker could delete'
);
select tests.pass('1 minute');
select is(tests.claim(), tests.session(1), 'a worker gets it');
select is(tests.settle(tests.settlement(1, 'deleted', 'deleted')) -> 'deleted', '1'::jsonb, 'and deletes it');

select * from finish();
rollback;

-- What metadata may hold, on every path, and that no refusal prints what it refuses.
begin;
\ir helpers/arrange.psql
select no_plan();

select tests.make_active(1);

create function tests.lists(p_levels integer)
returns jsonb
language sql
as $$ select (repeat('[', p_levels) || repeat(']', p_levels))::jsonb $$;

create function tests.put(p_metadata jsonb)
returns jsonb
language sql
as $$
  update public.session_mappings set metadata = p_metadata where id = tests.session(1) returning metadata;
$$;

create function tests.numbers(p_number text, p_times integer)
returns jsonb
language sql
as $$ select jsonb_build_object('a', jsonb_agg(p_number::numeric)) from generate_series(1, p_times) $$;

select is(acontext_sessions.metadata_fault(t.metadata), t.fault, t.name)
from (values
  ('{}'::jsonb, null, 'nothing is fine'),
  (null, null, 'null is for another constraint'),
  ('{"__proto__": {"a": 1}, "constructor": null, "": "", "a b": "💥"}', null, 'any name is fine'),
  (jsonb_build_object('a', tests.lists(31)), null, '32 levels are fine'),
  (jsonb_build_object('a', tests.lists(32)), 'metadata_is_not_deep', '33 levels are too deep'),
  ((repeat('{"a":', 32) || '1' || repeat('}', 32))::jsonb, null, '32 levels of objects are fine'),
  ((repeat('{"a":', 33) || '1' || repeat('}', 33))::jsonb, 'metadata_is_not_deep', 'one more is not'),
  (jsonb_build_object('a', jsonb_build_array(1, tests.lists(2700))), 'metadata_is_not_deep', '2,702 levels are too deep'),
  (tests.lists(33), 'metadata_is_not_deep', 'so are lists in lists'),
  ('{"a": [0, -0, 1.5, -1.7976931348623157e308, 1.7976931348623157e308]}', null, 'numbers as large as a double are fine'),
  ('{"a": [5e-324, -2.2250738585072014e-308]}', null, 'and as small'),
  ('{"a": 12345678901234567890.12345678901234567890}', null, 'a number may have more digits than a double has'),
  ('{"a": [[{"b": 1.7976931348623158e308}]]}', 'metadata_numbers_in_range', 'a number that JavaScript reads as infinite is not'),
  ('{"a": -1e400}', 'metadata_numbers_in_range', 'nor a negative one'),
  ('{"a": 1e-325}', 'metadata_numbers_in_range', 'nor one with more decimals than any double'),
  ('{"a": 0e-16383}', 'metadata_numbers_in_range', 'nor a zero with 16,383 of them'),
  ('1e131071', 'metadata_numbers_in_range', 'nor one alone'),
  (tests.numbers('1e131071', 2300), 'metadata_numbers_in_range', 'nor many'),
  (jsonb_build_object('a', repeat('x', 40000)), 'metadata_is_small', 'what cannot fit is not looked through')
) as t (metadata, fault, name);

select throws_ok(
  format('select tests.put(%L)', t.metadata), '23514',
  format('new row for relation "session_mappings" violates check constraint "%s"', t.fault), 'the table refuses ' || t.fault
)
from (values
  ('{"a": 1e400}', 'metadata_numbers_in_range'),
  (jsonb_build_object('a', tests.lists(32))::text, 'metadata_is_not_deep'),
  (jsonb_build_object('a', repeat('x', 8192))::text, 'metadata_is_small'),
  (jsonb_build_object('a', repeat('x', 50000))::text, 'metadata_is_small'),
  ('[]', 'metadata_is_object')
) as t (metadata, fault);
select throws_ok(
  $$select public.acontext_begin_session(
    tests.alice(), tests.session(2), tests.lease(1), 60, '{"a": 1e400}', false)$$,
  '23514', 'new row for relation "session_mappings" violates check constraint "metadata_numbers_in_range"',
  'so does the making of a session'
);
select throws_ok(
  'select tests.put(null)', '23502', null, 'metadata cannot be taken away'
);
select is(
  tests.put('{"__proto__": {"a": [1e308, 5e-324]}}')::text, (jsonb '{"__proto__": {"a": [1e308, 5e-324]}}')::text,
  'what is accepted is kept as it is'
);

select throws_ok(
  $$select tests.put(tests.numbers('1e131071', 2300))$$, '23514',
  'new row for relation "session_mappings" violates check constraint "metadata_numbers_in_range"',
  'a number bomb of 27 KB is refused for its numbers, before a check prints 300 MB to measure them'
);

-- Rows from before.
alter table public.session_mappings disable trigger stamp_session;
update public.session_mappings set metadata = jsonb_build_object('a', tests.lists(2700), 'b', 1e400) where id = tests.session(1);
alter table public.session_mappings enable trigger stamp_session;
select lives_ok(
  $$update public.session_mappings set title = 'Trip', pinned = true, ttl = null where id = tests.session(1)$$,
  'what was there before does not keep its row from being changed'
);
select is(
  public.acontext_use_session(tests.alice(), tests.session(1), true, 1, true) ->> 'outcome', 'ok', 'nor from being used'
);
select is(
  (select acontext_sessions.session_view(s) -> 'metadata' -> 'b' from public.session_mappings as s where s.id = tests.session(1)),
  to_jsonb(1e400), 'nor from being read'
);
select throws_ok(
  'select tests.put(metadata || ''{"c": 1}'') from public.session_mappings where id = tests.session(1)', '23514',
  'new row for relation "session_mappings" violates check constraint "metadata_is_not_deep"',
  'but metadata that is changed has to be in order'
);
select tests.queue(1);
select is(tests.queued(1), 'requested/own/own', 'nor from being deleted');

select * from finish();
rollback;

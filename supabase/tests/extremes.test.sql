-- Every extreme of every column of every table, one after the other, in a row of its own: each step goes on with the others.
-- What earlier files took back is still there, and would be read hundreds of times.
vacuum public.session_mappings, acontext_sessions.deletion_queue, acontext_sessions.deletion_log, acontext_sessions.runs,
  acontext_sessions.message_keys, acontext_sessions.erased_users, acontext_sessions.set_aside;
begin;
\ir helpers/arrange.psql
select no_plan();

insert into auth.users (id) values ('ca110000-0000-4000-8000-000000000001');
-- What a value could not get past would hide what happens when it does.
do $$
declare
  v record;
begin
  for v in
    select c.conrelid::regclass as relation, c.conname as name
    from pg_constraint as c
    where c.contype = 'c' and tests.is_ours(c.connamespace, obj_description(c.conrelid, 'pg_class'))
  loop
    execute format('alter table %s drop constraint %I', v.relation, v.name);
  end loop;
  -- The triggers, while something is planted. To switch them off each time would take long.
  for v in
    select t.tgrelid::regclass as relation, t.tgname as name, pg_get_triggerdef(t.oid) as definition
    from pg_trigger as t join tests.our_relations() as c on c.oid = t.tgrelid
    where not t.tgisinternal and t.tgtype & 1 = 1
  loop
    execute format('drop trigger %I on %s', v.name, v.relation);
    execute case
      when v.definition like '% WHEN (%' then replace(
        v.definition, ' WHEN (', ' WHEN (current_setting(''tests.planting'', true) is distinct from ''on'' AND '
      )
      else replace(
        v.definition, ' EXECUTE ', ' WHEN (current_setting(''tests.planting'', true) is distinct from ''on'') EXECUTE '
      )
    end;
  end loop;
end $$;

-- The rows that are poisoned: one of each kind.
select tests.make_active(1);
select tests.begin(2);
select tests.make_active(3);
select tests.queue(3);
select tests.make_active(4);
-- Due for what steps do with it, and a pass that is under way.
update public.session_mappings
set last_activity_at = acontext_sessions.clock() - interval '40 days' where id in (tests.session(1), tests.session(2));
update acontext_sessions.reconcile_state
set phase = 'labels', page_cursor = 'next', pass_started_at = acontext_sessions.clock() where only_row;
insert into acontext_sessions.erased_users (user_id) values ('ca110000-0000-4000-8000-0000000000ff');
insert into acontext_sessions.uncertain_sessions (session_id) values (tests.session(1));
insert into acontext_sessions.message_keys (session_id, key_hash, body_hash, lease_id, leased_until, message_id, message_created_at)
values
  (tests.session(1), repeat('a', 64), repeat('a', 64), tests.lease(1), acontext_sessions.clock(), null, null),
  (tests.session(4), repeat('b', 64), repeat('b', 64), tests.lease(1), acontext_sessions.clock(), tests.run(1), acontext_sessions.clock());
insert into acontext_sessions.provisioning_leases (session_id, lease_id, leased_until)
values (tests.session(4), tests.lease(4), acontext_sessions.clock());
insert into acontext_sessions.set_aside (session_id, step, problem, next_attempt_at)
values (tests.session(4), 'expiry', 'P0001', acontext_sessions.clock());
insert into acontext_sessions.deletion_log (
  id, origin_id, reason, session_proof, session_gone_at, disk_proof, disk_gone_at, attempts, requested_at, messages, session_ms
)
values (
  tests.session(90), tests.session(90), 'requested', 'deleted', acontext_sessions.clock(), 'deleted', acontext_sessions.clock(), 1,
  acontext_sessions.clock(), 20, 1
);
insert into acontext_sessions.settings_log (changed_by, old, new) values ('postgres', '{"a": 1}', '{"a": 2}');
insert into acontext_sessions.runs (id, task, trigger, status, requested_at, started_at, slots)
values
  (tests.run(91), 'sweep', 'schedule', 'running', acontext_sessions.clock() - interval '1 hour', acontext_sessions.clock() - interval '1 hour', 7),
  (tests.run(92), 'reconcile', 'schedule', 'requested', acontext_sessions.clock() - interval '1 hour', null, 0);
insert into acontext_sessions.runs (id, task, trigger, status, requested_at, finished_at, stop_reason, probe_ms)
values (tests.run(93), 'sweep', 'schedule', 'finished', acontext_sessions.clock(), acontext_sessions.clock(), 'empty', 10);
insert into acontext_sessions.user_rates (user_id, action, spent_until)
values (tests.run(94), 'creation', acontext_sessions.clock()) on conflict do nothing;
insert into acontext_sessions.calls (run_id, request_id, answers_oid) values (tests.run(92), 1, 0);

create function tests.values_of(p_type text) returns text[] immutable language sql
as $$
  select case p_type
    when 'timestamp with time zone' then array[
      quote_literal('infinity'), quote_literal('-infinity'), quote_literal('294276-12-31 23:59:59+00'),
      quote_literal('4714-11-24 00:00:00+00 BC'), quote_literal('2036-01-01 00:00:00+00')
    ]
    when 'integer' then array['2147483647', '-2147483648']
    when 'bigint' then array['9223372036854775807', '-9223372036854775808']
    when 'oid' then array['0', '4294967295']
    when 'interval' then array[quote_literal('178000000 years'), quote_literal('-178000000 years'), quote_literal('0')]
    when 'text' then array['repeat(''x'', 1000000)', '''''', quote_literal(E'\u0001\u2028 ''"\\'), '''restamp''']
    when 'uuid' then array[quote_literal('00000000-0000-0000-0000-000000000000'), quote_literal('ffffffff-ffff-ffff-ffff-ffffffffffff')]
    when 'jsonb' then array['''[]''', '''null''', '''{}''', '''[1, null, {"id": 1}]''', '''"x"''']
    when 'boolean' then array['true', 'false']
    else '{}'
  end
$$;

-- Each value of each column: of single rows of state, too, but not of the settings, which nothing is done without.
create temporary table poisons as
select c.relname || '.' || a.attname || ' = ' || left(v.value, 40) as name,
  format('update %s set %I = %s where %s', c.oid::regclass, a.attname, v.value, case c.relname
    when 'session_mappings' then format('id in (%L, %L)', tests.session(1), tests.session(2))
    when 'deletion_queue' then format('id = %L', tests.session(3))
    else 'true'
  end) as statement
from tests.our_relations() as c
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attidentity = ''
cross join lateral unnest(
  tests.values_of(format_type(a.atttypid, null)) || case when a.attnotnull then '{}' else array['null'] end
  || array(select quote_literal(e.enumlabel) from pg_enum as e where e.enumtypid = a.atttypid)
) as v (value)
where c.relkind = 'r' and c.relname <> 'settings' and a.attname <> 'only_row';

-- One round of everything with what is well beside it; null, or what did not work. Nothing of it stays.
create function tests.round(p_statement text, out planted boolean, out fault text) language plpgsql
as $$
declare
  v_faults text[] := '{}';
  v_answer jsonb;
  v_rows integer;
  v_claimed uuid[];
begin
  planted := false;
  begin
    perform set_config('tests.planting', 'on', true);
    begin
      execute p_statement;
      get diagnostics v_rows = row_count;
      planted := v_rows > 0;
    exception when others then
      null;
    end;
    perform set_config('tests.planting', 'off', true);

    -- What is well: one session expired, one stale, one to be deleted, one of a user who is deleted.
    perform tests.make_active(50, tests.bob());
    perform tests.begin(51, tests.bob());
    perform tests.make_active(54, 'ca110000-0000-4000-8000-000000000001');
    update public.session_mappings
    set last_activity_at = acontext_sessions.clock() - interval '40 days' where id in (tests.session(50), tests.session(51));
    perform tests.make_active(52, tests.bob());
    perform tests.queue(52);
    insert into acontext_sessions.runs (id, task, trigger, status, requested_at, finished_at, stop_reason)
    values (tests.run(59), 'sweep', 'retry', 'finished', acontext_sessions.clock() - interval '91 days', acontext_sessions.clock(), 'empty');
    insert into acontext_sessions.message_keys (session_id, key_hash, body_hash, lease_id, leased_until, created_at)
    values (
      tests.session(52), repeat('c', 64), repeat('c', 64), tests.lease(1), acontext_sessions.clock(), acontext_sessions.clock() - interval '3 days'
    );
    delete from auth.users where id = 'ca110000-0000-4000-8000-000000000001';

    begin
      perform acontext_sessions.dispatch_sweep('schedule', true, false);
      perform acontext_sessions.dispatch_sweep('retry', false, false);
    exception when others then
      v_faults := v_faults || format('dispatch: %s (%s)', sqlerrm, sqlstate);
    end;
    begin
      v_answer := tests.start_run(60);
      if v_answer ->> 'outcome' <> 'started' then
        v_faults := v_faults || format('start: %s', v_answer);
      end if;
      v_answer := public.acontext_queue_due_sessions(tests.run(60), 100);
      if v_answer ? 'problems' then
        v_faults := v_faults || format('queue: %s', v_answer);
      end if;
      if tests.status(50) <> 'deleting' or tests.status(51) <> 'deleting' or tests.status(54) <> 'deleting' then
        v_faults := v_faults || format('queue: %s %s %s', tests.status(50), tests.status(51), tests.status(54));
      end if;
    exception when others then
      v_faults := v_faults || format('queue: %s (%s)', sqlerrm, sqlstate);
    end;
    begin
      perform tests.pass('4 seconds');
      select array_agg(c) into v_claimed from tests.claim() as c;
      if not v_claimed @> array[tests.session(50), tests.session(51), tests.session(52), tests.session(54)] then
        v_faults := v_faults || format('claim: %s', v_claimed);
      end if;
      perform public.acontext_claim_long_deletion(tests.lease(9), 80, 430, 4000, 5000);
      -- What is poisoned fails again, and counts another repeated delete, in the same batch.
      v_answer := tests.settle(
        tests.settlement(50, 'deleted', 'deleted'), tests.settlement(51, 'deleted', 'deleted'),
        tests.settlement(52, 'deleted', 'deleted'), tests.settlement(54, 'deleted', 'deleted'),
        tests.settlement(3, p_error => 'http_500') || '{"repeated": 1}'
      );
      if v_answer ->> 'deleted' <> '4' then
        v_faults := v_faults || format('settle: %s', v_answer);
      end if;
    exception when others then
      v_faults := v_faults || format('settle: %s (%s)', sqlerrm, sqlstate);
    end;
    begin
      perform public.acontext_finish_sweep(tests.run(60), '{"stopReason": "limit", "total": 4, "deleted": 4}');
      perform public.acontext_preview_sweep(100, false), public.acontext_preview_sweep(100, true);
    exception when others then
      v_faults := v_faults || format('finish: %s (%s)', sqlerrm, sqlstate);
    end;
    begin
      v_answer := public.acontext_session_health(100);
      if v_answer::text ~ '[^T]-\d+[,}]' and v_answer::text ~ '"(count|total|deleted|failed|deferred|expired|stale|seen|unknown|skipped|repeatedDeletes)": -' then
        v_faults := v_faults || 'health: a negative count'::text;
      end if;
      if v_answer -> 'reconcile' -> 'quietForSeconds' = 'null' then
        v_faults := v_faults || 'health: quietForSeconds'::text;
      end if;
      perform public.acontext_list_runs(100), public.acontext_list_stuck(100), public.acontext_list_set_aside(100);
    exception when others then
      v_faults := v_faults || format('health: %s (%s)', sqlerrm, sqlstate);
    end;
    begin
      perform acontext_sessions.purge_history();
      if exists (select 1 from acontext_sessions.runs where id = tests.run(59)) then
        v_faults := v_faults || 'purge: an old run is there'::text;
      end if;
    exception when others then
      v_faults := v_faults || format('purge: %s (%s)', sqlerrm, sqlstate);
    end;
    begin
      v_answer := public.acontext_start_reconcile(tests.run(61), 60);
      if v_answer ->> 'outcome' <> 'started' then
        v_faults := v_faults || format('reconcile: %s', v_answer);
      end if;
      perform public.acontext_list_uncertain_sessions('00000000-0000-0000-0000-000000000000', 50);
      v_answer := public.acontext_save_reconcile_progress(
        tests.run(61), 'sessions',
        jsonb_build_array(jsonb_build_object('id', tests.session(70), 'originId', tests.session(70), 'createdAt', '2020-01-01T00:00:00Z')),
        '[]', '{}', true, null, 1, 1, 0
      );
      if v_answer ->> 'outcome' <> 'saved' or v_answer ->> 'queued' <> '1' then
        v_faults := v_faults || format('reconcile: %s', v_answer);
      end if;
      if (select t.reconciled_until > acontext_sessions.clock() from acontext_sessions.reconcile_state as t) then
        v_faults := v_faults || 'reconcile: certain of what is to come'::text;
      end if;
      perform public.acontext_finish_reconcile(tests.run(61), '{"stopReason": "complete"}');
    exception when others then
      v_faults := v_faults || format('reconcile: %s (%s)', sqlerrm, sqlstate);
    end;
    begin
      v_answer := public.acontext_configure_cleanup('{"session_ttl": "20 days"}');
      perform acontext_sessions.restamp_sessions(2000);
      if (select t.after_id from acontext_sessions.restamp_state as t) is not null then
        v_faults := v_faults || 'restamp: not through'::text;
      end if;
    exception when others then
      v_faults := v_faults || format('restamp: %s (%s)', sqlerrm, sqlstate);
    end;
    raise sqlstate 'TTEST';
  exception when sqlstate 'TTEST' then
    null;
  end;
  fault := nullif(array_to_string(v_faults, '; '), '');
end $$;

select is((tests.round('do $x$ begin end $x$')).fault, null, 'a round goes well when nothing is planted');
create temporary table outcomes (name text, planted boolean, fault text);
-- One by one: in a single statement, what each leaves behind would make the next slower.
do $do$
declare
  v_poison record;
  v_outcome record;
begin
  for v_poison in select p.name, p.statement from poisons as p loop
    select r.planted, r.fault into v_outcome from tests.round(v_poison.statement) as r;
    insert into outcomes values (v_poison.name, v_outcome.planted, v_outcome.fault);
  end loop;
end;
$do$;
select is_empty('select o.name, o.fault from outcomes as o where o.planted and o.fault is not null', 'nothing that is planted keeps a step from going on');
select ok(
  (select count(*) from outcomes where planted) > 300,
  format('%s values were planted and kept nothing from going on', (select count(*) from outcomes where planted))
);
select is_empty(
  $$select distinct split_part(name, ' ', 1) from outcomes where name !~ '\.(id|session_id) = '
    except select split_part(name, ' ', 1) from outcomes where planted$$,
  'something was planted in every column that is no key of another table'
);

select * from finish();
rollback;

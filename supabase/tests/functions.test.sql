-- plpgsql_check finds nothing to say about any function, and every update and delete says which rows.
begin;
\ir helpers/arrange.psql
select no_plan();

select is_empty(
  $$select f.functionid, f.lineno, f.level, f.message, f.detail
    from pg_proc as p
    join pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
    cross join lateral (
      select coalesce(max(t.tgrelid::oid), 0) as oid, max(t.tgoldtable) as old_table
      from pg_trigger as t where t.tgfoid = p.oid
    ) as r
    cross join lateral plpgsql_check_function_tb(
      p.oid, r.oid, oldtable := r.old_table, fatal_errors := false, other_warnings := true, extra_warnings := true,
      performance_warnings := true, security_warnings := true
    ) as f
    where p.pronamespace in ('public'::regnamespace, 'acontext_sessions'::regnamespace)$$,
  'no error and no warning'
);
select cmp_ok(
  (select count(*)::integer from pg_proc as p join pg_language as l on l.oid = p.prolang
   where l.lanname = 'plpgsql' and p.pronamespace in ('public'::regnamespace, 'acontext_sessions'::regnamespace)),
  '>=', 20, 'the check looked at our functions'
);

-- On a hosted project the API's roles have safeupdate, which raises 21000 for one that does not.
\ir ../../local/postgres/safeupdate.sql

select is_empty(
  $$select p.oid::regprocedure, s
    from pg_proc as p cross join lateral pg_temp.statements_without_where(p.prosrc) as s
    where p.pronamespace in ('public'::regnamespace, 'acontext_sessions'::regnamespace)$$,
  'every update and every delete says which rows'
);
select set_eq(
  $$select pg_temp.statements_without_where($source$
      -- update ours set a = 1;
      with gone as (delete from ours using (select 1 where true) as x returning id)
      insert into log select * from gone on conflict (id) do update set a = 1;
      update ours set a = (select b from theirs where id = 1);
      update ours set a = 'where' where a <> ';';
      perform 1 from ours for update;
      delete from ours
    $source$)$$,
  $$values ('delete from ours using as x returning id'), ('update ours set a ='), ('delete from ours')$$,
  'what the check would find'
);

select * from finish();
rollback;

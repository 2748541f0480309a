-- plpgsql_check finds nothing to say about any function.
begin;
\ir helpers/arrange.psql
select no_plan();

select is_empty(
  $$select f.functionid, f.lineno, f.level, f.message, f.detail
    from pg_proc as p
    join pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
    cross join lateral (
      select coalesce((select t.tgrelid from pg_trigger as t where t.tgfoid = p.oid limit 1), 0) as oid
    ) as r
    cross join lateral plpgsql_check_function_tb(
      p.oid, r.oid, fatal_errors := false, other_warnings := true, extra_warnings := true,
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

select * from finish();
rollback;

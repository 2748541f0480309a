-- What safeupdate, which the API's roles load on a hosted project, would refuse in the body of a function. For one session.
create or replace function pg_temp.statements_without_where(p_source text)
returns setof text
language plpgsql
as $$
declare
  -- Without comments and strings. `do update` of an insert needs no where, and `for update` is no statement.
  v_source text := regexp_replace(
    regexp_replace(
      regexp_replace(lower(p_source), $re$--[^\n]*|'(?:[^']|'')*'$re$, '', 'g'),
      '\m(do|for|for no key)\s+update\M', '', 'g'
    ),
    '\s+', ' ', 'g'
  );
  v_before text;
begin
  loop
    -- From the innermost parentheses outwards: a where belongs to the statement on its own level.
    return query
      select regexp_replace(trim(c.statement), ' +', ' ', 'g')
      from (
        select m[1] as level from regexp_matches(v_source, '\(([^()]*)\)', 'g') as m
        union all
        select v_source where v_source !~ '\('
      ) as l
      cross join lateral regexp_split_to_table(l.level, ';') as s (line)
      cross join lateral substring(s.line from '\m(?:update|delete from) [a-z_.]+.*') as c (statement)
      where c.statement !~ '\mwhere\M';
    v_before := v_source;
    v_source := regexp_replace(v_source, '\([^()]*\)', '', 'g');
    exit when v_source = v_before;
  end loop;
end $$;

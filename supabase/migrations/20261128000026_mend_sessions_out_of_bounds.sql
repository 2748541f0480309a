-- Purpose: rows from before have the bounds of new ones: lifetimes without months, times that are neither infinite nor in
-- the future. Metadata stays as it is; it bounds no other column, and functions read all of it.
-- Risk: reads the whole table once or twice, without keeping anybody out, and changes the rows that are out of bounds. A row
-- that a trigger of the app keeps, or that somebody else is changing, stays as it is; then the constraint stays not valid.

do $$
declare
  v_ids uuid[];
  v_some uuid[];
  v_id uuid;
  v_kept integer := 0;
  v_mend constant text := $mend$
    update public.session_mappings as s
    set ttl = m.ttl,
      created_at = m.created_at,
      updated_at = m.updated_at,
      last_activity_at = m.last_activity_at,
      last_write_at = m.last_write_at,
      expires_at = case when not s.pinned then m.last_activity_at + coalesce(m.ttl, t.session_ttl) end
    from (
      select o.id,
        case when l.seconds between 60 and 315360000 then make_interval(secs => floor(l.seconds)) end as ttl,
        least(greatest(o.created_at, b.first), b.last) as created_at,
        least(greatest(o.updated_at, b.first), b.last) as updated_at,
        least(greatest(o.last_activity_at, b.first), b.last) as last_activity_at,
        case when o.last_write_at is not null then least(greatest(o.last_write_at, b.first), b.last) end as last_write_at
      from public.session_mappings as o
      cross join (select timestamptz '2000-01-01 00:00:00+00', acontext_sessions.clock()) as b (first, last)
      cross join lateral (
        select case
          -- By the calendar, as its owner was told.
          when (date_part('year', o.ttl) <> 0 or date_part('month', o.ttl) <> 0)
            and o.last_activity_at between b.first and b.last
            and o.expires_at between o.last_activity_at + interval '1 minute' and o.last_activity_at + interval '315360000 seconds'
            then date_part('epoch', o.expires_at - o.last_activity_at)
          -- A year counts as 365.25 days here, and counted as twelve months of 30 days where the range was checked.
          else date_part('epoch', o.ttl) - date_part('year', o.ttl) * (365.25 - 360) * 86400
        end
      ) as l (seconds)
      where o.id = any ($1)
    ) as m
    cross join acontext_sessions.settings as t
    where s.id = m.id
  $mend$;
begin
  select coalesce(array_agg(s.id order by s.id), '{}') into v_ids
  from public.session_mappings as s, acontext_sessions.clock() as n (now)
  where date_part('year', s.ttl) <> 0
    or date_part('month', s.ttl) <> 0
    or date_part('epoch', s.ttl) <> floor(date_part('epoch', s.ttl))
    or not s.created_at between '2000-01-01 00:00:00+00' and n.now
    or not s.updated_at between '2000-01-01 00:00:00+00' and n.now
    or not s.last_activity_at between '2000-01-01 00:00:00+00' and n.now
    or not s.last_write_at between '2000-01-01 00:00:00+00' and n.now
    or not (s.expires_at >= '2000-01-01 00:00:00+00' and s.expires_at < '10000-01-01 00:00:00+00');

  while cardinality(v_ids) > 0 loop
    v_some := v_ids[:1000];
    v_ids := v_ids[1001:];
    begin
      -- What was put off until then is due now.
      update acontext_sessions.deletion_queue as q
      set next_attempt_at = acontext_sessions.clock()
      where q.id = any (v_some) and q.lease_id is null and q.next_attempt_at > acontext_sessions.clock() + interval '1 year';
      execute v_mend using v_some;
    exception when others then
      foreach v_id in array v_some loop
        begin
          execute v_mend using array[v_id];
        exception when others then
          v_kept := v_kept + 1;
          raise warning 'acontext_sessions: session % stays out of bounds: % (%)', v_id, sqlerrm, sqlstate;
        end;
      end loop;
    end;
  end loop;

  begin
    alter table public.session_mappings validate constraint times_in_range;
  exception when check_violation or object_not_in_prerequisite_state or object_in_use then
    raise warning 'acontext_sessions: sessions out of bounds are left: % (%)', sqlerrm, sqlstate;
  end;
end;
$$;

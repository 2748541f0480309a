-- Purpose: what users and services write into session_mappings is bounded on every path: lifetimes in seconds, times that
-- are neither infinite nor in the future, metadata that every reader can read.
-- Risk: lifetimes with months or years, times before the year 2000 and metadata beyond the functions' limits are refused.
-- The constraint is not valid yet: rows that are there are checked, and mended, by a later migration.

create function acontext_sessions.metadata_fault(p_metadata jsonb)
returns text
language plpgsql
immutable
strict
security invoker
set search_path = ''
as $$
begin
  -- Nothing is printed in here: a number of six bytes can have 131,072 digits. A list of one-digit numbers takes four times
  -- the bytes that it is printed with, and nothing takes more.
  if pg_column_size(p_metadata) > 40000 then
    return 'metadata_is_small';
  end if;
  if jsonb_path_exists(p_metadata, 'strict $.**{32} ? (@.type() == "object" || @.type() == "array")') then
    return 'metadata_is_not_deep';
  end if;
  if exists (
    select 1
    from jsonb_path_query(p_metadata, 'strict $.** ? (@.type() == "number")') as n (value)
    where scale(n.value::numeric) > 324 or abs(n.value::numeric) > 1.7976931348623157e308
  ) then
    return 'metadata_numbers_in_range';
  end if;
  return null;
end;
$$;

revoke execute on function acontext_sessions.metadata_fault(jsonb) from public, anon, authenticated, service_role;

comment on function acontext_sessions.metadata_fault(jsonb) is
  'The name of the limit that metadata exceeds; null when none. At most 32 levels, and numbers that a double can hold: no larger, and with no more decimals. Size is checked only as far as it is known without printing.';

-- Security definer: it reads acontext_sessions.settings on behalf of owners who may not.
create or replace function acontext_sessions.stamp_session()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_fault text;
begin
  -- Of a row that is new, everything in the old one is null.
  if (new.title, new.metadata, new.pinned, new.ttl, new.status)
    is distinct from (old.title, old.metadata, old.pinned, old.ttl, old.status)
  then
    -- Checks come after triggers, and would print the row to say what is wrong with it. What was there before the limits
    -- were stays as it is until it changes.
    if new.metadata is distinct from old.metadata then
      v_fault := acontext_sessions.metadata_fault(new.metadata);
    end if;
    if v_fault is null and new.ttl is not null and new.ttl is distinct from old.ttl then
      v_fault := case
        -- Neither has a fixed length.
        when date_part('year', new.ttl) <> 0 or date_part('month', new.ttl) <> 0 then 'ttl_has_no_months'
        when new.ttl not between interval '1 minute' and interval '3650 days' then 'ttl_in_range'
      end;
    end if;
    if v_fault is not null then
      raise exception 'new row for relation "session_mappings" violates check constraint "%"', v_fault
        using errcode = '23514', schema = 'public', table = 'session_mappings', constraint = v_fault;
    end if;
    if tg_op = 'UPDATE' then
      new.updated_at := acontext_sessions.clock();
    end if;
  end if;
  if new.ttl is not null then
    -- Also when it has not changed: what is equal may be written in other units. Equal is counted with months of 30 days,
    -- and years of twelve of them; here a year counts as 365.25 days.
    new.ttl := make_interval(
      secs => floor(date_part('epoch', new.ttl) - date_part('year', new.ttl) * (365.25 - 360) * 86400)
    );
  end if;

  -- Only what changes: after a clock was set back, the rest stays as it was.
  if (new.last_write_at, new.last_activity_at, new.created_at, new.updated_at)
    is distinct from (old.last_write_at, old.last_activity_at, old.created_at, old.updated_at)
  then
    v_now := acontext_sessions.clock();
    if new.last_write_at > v_now and new.last_write_at is distinct from old.last_write_at then
      new.last_write_at := v_now;
    end if;
    if new.last_activity_at > v_now and new.last_activity_at is distinct from old.last_activity_at then
      new.last_activity_at := v_now;
    end if;
    if new.created_at > v_now and new.created_at is distinct from old.created_at then
      new.created_at := v_now;
    end if;
    if new.updated_at > v_now and new.updated_at is distinct from old.updated_at then
      new.updated_at := v_now;
    end if;
  end if;

  if (new.pinned, new.ttl, new.last_activity_at) is distinct from (old.pinned, old.ttl, old.last_activity_at) then
    new.expires_at := case
      when new.pinned then null
      else new.last_activity_at
        + coalesce(new.ttl, (select s.session_ttl from acontext_sessions.settings as s))
    end;
  end if;
  return new;
end;
$$;

comment on function acontext_sessions.stamp_session() is
  'Trigger: keeps updated_at and expires_at, turns lifetimes into seconds, lets nothing happen in the future, and refuses metadata that not every reader could read.';

alter table public.session_mappings
  -- One for all, and short: every statement that writes reads it anew. That nothing is in the future is the trigger's.
  add constraint times_in_range check (
    least(created_at, updated_at, last_activity_at, last_write_at, expires_at) >= '2000-01-01 00:00:00+00'
    and coalesce(expires_at, last_activity_at) < '10000-01-01 00:00:00+00'
  ) not valid;

comment on column public.session_mappings.ttl is
  'Own lifetime since the last activity, in whole seconds; null: the project''s session_ttl.';

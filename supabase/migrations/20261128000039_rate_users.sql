-- Purpose: how fast one user may go on, in one row for each kind of call.
-- Risk: none; a new table and functions.

-- Unlogged: written at many calls, and worth nothing after a crash.
create unlogged table acontext_sessions.user_rates (
  user_id uuid not null,
  action text not null,
  spent_until timestamptz not null,
  taken_at timestamptz not null default '-infinity',
  constraint user_rates_pkey primary key (user_id, action),
  constraint action_is_known check (action in ('creation', 'deletion', 'store', 'file_write'))
) with (fillfactor = 70);

revoke all on table acontext_sessions.user_rates from public, anon, authenticated, service_role;
grant select, insert, update, delete on table acontext_sessions.user_rates to service_role;

comment on table acontext_sessions.user_rates is
  'How fast users have gone on lately, one row for each kind of call. No index on times, so that an update stays within its page.';
comment on column acontext_sessions.user_rates.spent_until is
  'When what the user has done is worked off at the allowed pace: at most a minute ahead, as the minute''s amount may be spent at once.';
comment on column acontext_sessions.user_rates.taken_at is 'The latest time that any of it was counted at.';

create function acontext_sessions.take_rate(p_user_id uuid, p_action text)
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now constant timestamptz := acontext_sessions.clock();
  -- For one transaction the time stands still. Another that began after it may have come first: then it is at least that late.
  v_overtaken constant interval := interval '10 seconds';
  v_full timestamptz := v_now + interval '1 minute';
  v_limit integer;
  v_cost interval;
  v_sample integer := 1;
  v_spent_until timestamptz;
  v_taken_at timestamptz;
begin
  select
    case p_action
      when 'creation' then s.max_creations_per_minute
      when 'deletion' then s.max_deletions_per_minute
      when 'store' then s.max_stores_per_minute
      when 'file_write' then s.max_file_writes_per_minute
    end,
    r.spent_until,
    r.taken_at
  into v_limit, v_spent_until, v_taken_at
  from acontext_sessions.settings as s
  left join acontext_sessions.user_rates as r on r.user_id = p_user_id and r.action = p_action;
  if v_limit is null then
    return 0;
  end if;
  -- One of ten messages pays for all ten, so that nine of ten write nothing here. All pay where that would be coarse.
  if p_action = 'store' then
    v_sample := greatest(1, least(10, v_limit / 20));
  end if;
  -- Rounded down, so that the whole amount fits into the minute.
  v_cost := interval '1 microsecond' * (60000000 * v_sample / v_limit);

  if v_taken_at <= v_now + v_overtaken then
    v_full := greatest(v_full, v_taken_at + interval '1 minute');
  end if;
  -- Further ahead than it is ever written: the clock was set back, which is not the user's doing.
  if v_spent_until <= v_full + interval '1 minute' and v_spent_until + v_cost > v_full then
    return ceil(extract(epoch from v_spent_until + v_cost - v_full) * 1000)::integer;
  end if;
  if v_sample > 1 and acontext_sessions.random() * v_sample >= 1 then
    return 0;
  end if;

  -- Another call of the same user may have come between.
  insert into acontext_sessions.user_rates as r (user_id, action, spent_until, taken_at)
  values (p_user_id, p_action, v_now + v_cost, v_now)
  on conflict (user_id, action) do update
    set spent_until = v_cost + case
      when r.spent_until between v_now and v_full + interval '1 minute' then r.spent_until
      else v_now
    end,
    taken_at = greatest(v_now, case when r.taken_at <= v_now + v_overtaken then r.taken_at end)
    where r.spent_until > v_full + interval '1 minute'
    or r.spent_until + v_cost <= greatest(v_full, case when r.taken_at <= v_now + v_overtaken then r.taken_at + interval '1 minute' end);
  if not found then
    return ceil(extract(epoch from v_cost) * 1000)::integer;
  end if;
  return 0;
end;
$$;

revoke execute on function acontext_sessions.take_rate(uuid, text) from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.take_rate(uuid, text) to service_role;

comment on function acontext_sessions.take_rate(uuid, text) is
  'Counts a call of a user against the setting for its kind: 0, or for how many milliseconds it has to wait, and then it is not counted. To be called after the session''s row is locked, and once in a transaction.';

create function acontext_sessions.purge_rates()
returns integer
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_now constant timestamptz := acontext_sessions.clock();
  v_count integer;
begin
  -- Who is at it right now is left for the next time.
  delete from acontext_sessions.user_rates as r where (r.user_id, r.action) in (
    select d.user_id, d.action from acontext_sessions.user_rates as d
    where d.spent_until not between v_now - interval '1 hour' and v_now + interval '1 hour'
    limit 1000000
    for update skip locked
  );
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

revoke execute on function acontext_sessions.purge_rates() from public, anon, authenticated, service_role;

comment on function acontext_sessions.purge_rates() is
  'Removes what means nothing any more of how fast users have gone on. Answers how many rows it removed.';

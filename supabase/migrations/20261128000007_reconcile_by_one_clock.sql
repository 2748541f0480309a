-- Purpose: what belongs to a session that is gone is unknown at once, by our own receipts: its age cannot be told by two clocks.
-- And a copy of a session, which carries its mark, is left alone while the original lives.
-- Risk: none; functions are replaced.

create or replace function public.acontext_find_unknown_sessions(p_items jsonb)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(jsonb_agg(i.id order by i.id), '[]')
  from jsonb_to_recordset(p_items) as i (id uuid, "originId" uuid, "createdAt" timestamptz)
  cross join acontext_sessions.settings as t
  where (
      i."createdAt" <= acontext_sessions.clock() - t.orphan_grace
      -- Nobody makes anything for it any more, however young it looks where Acontext's clock is ahead of ours.
      or exists (
        select 1 from acontext_sessions.deletion_log as l
        where l.origin_id = i."originId" and l.id = l.origin_id
      )
    )
    and not exists (
      select 1 from public.session_mappings as s where s.acontext_session_id = i.id
    )
    -- Somebody's copy, which carries the mark of the original: where that has the id that we gave it, it has no other.
    and not exists (
      select 1 from public.session_mappings as s where s.id = i."originId" and s.acontext_session_id = s.id
    )
    -- A session that is being made, or deleted without known ids, looks after what carries its mark.
    and not exists (
      select 1 from public.session_mappings as s where s.id = i."originId" and s.status <> 'active'
    )
    and not exists (
      select 1 from acontext_sessions.deletion_queue as q where q.acontext_session_id = i.id
    );
$$;

comment on function public.acontext_find_unknown_sessions(jsonb) is
  'Which of these remote sessions ([{id, originId, createdAt}]) nobody knows and are past the grace period or belong to a session that is gone: their ids.';

create or replace function public.acontext_find_unknown_disks(p_items jsonb)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(jsonb_agg(i.id order by i.id), '[]')
  from jsonb_to_recordset(p_items) as i (id uuid, "originId" uuid, "createdAt" timestamptz)
  cross join acontext_sessions.settings as t
  where (
      i."createdAt" <= acontext_sessions.clock() - t.orphan_grace
      -- Nobody makes anything for it any more, however young it looks where Acontext's clock is ahead of ours.
      or exists (
        select 1 from acontext_sessions.deletion_log as l
        where l.origin_id = i."originId" and l.id = l.origin_id
      )
    )
    and not exists (
      select 1 from public.session_mappings as s where s.acontext_disk_id = i.id
    )
    and not exists (
      select 1 from public.session_mappings as s where s.id = i."originId" and s.status <> 'active'
    )
    and not exists (
      select 1 from acontext_sessions.deletion_queue as q where q.acontext_disk_id = i.id
    );
$$;

comment on function public.acontext_find_unknown_disks(jsonb) is
  'Which of these disks ([{id, originId, createdAt}]) nobody knows and are past the grace period or belong to a session that is gone: their ids.';

create or replace function public.acontext_find_unknown_labels(p_items jsonb)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(jsonb_agg(i."originId" order by i."originId"), '[]')
  from jsonb_to_recordset(p_items) as i ("originId" uuid, "createdAt" timestamptz)
  cross join acontext_sessions.settings as t
  where (
      i."createdAt" <= acontext_sessions.clock() - t.orphan_grace
      -- Nobody makes anything for it any more, however young it looks where Acontext's clock is ahead of ours.
      or exists (
        select 1 from acontext_sessions.deletion_log as l
        where l.origin_id = i."originId" and l.id = l.origin_id
      )
    )
    and not exists (select 1 from public.session_mappings as s where s.id = i."originId")
    and not exists (select 1 from acontext_sessions.deletion_queue as q where q.origin_id = i."originId");
$$;

comment on function public.acontext_find_unknown_labels(jsonb) is
  'Which of these labels ([{originId, createdAt}]) belong to no session and are past the grace period, or to one that is gone: their session ids.';

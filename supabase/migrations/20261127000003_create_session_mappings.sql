-- Purpose: one row per conversation, with row level security.
-- Risk: none; new table.

create type public.acontext_session_status as enum ('provisioning', 'active', 'deleting');

revoke all on type public.acontext_session_status from public, anon, authenticated, service_role;

create table public.session_mappings (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references auth.users (id) on delete set null,
  status public.acontext_session_status not null default 'provisioning',
  title text,
  metadata jsonb not null default '{}',
  pinned boolean not null default false,
  ttl interval,
  message_count integer not null default 0,
  acontext_session_id uuid,
  acontext_disk_id uuid,
  created_at timestamptz not null default acontext_sessions.clock(),
  updated_at timestamptz not null default acontext_sessions.clock(),
  last_activity_at timestamptz not null default acontext_sessions.clock(),
  expires_at timestamptz,
  -- Acontext reads a zero id as "no id" and would answer with somebody else's session.
  constraint id_is_not_nil check (id <> '00000000-0000-0000-0000-000000000000'),
  constraint acontext_session_id_is_not_shared unique (acontext_session_id),
  constraint acontext_disk_id_is_not_shared unique (acontext_disk_id),
  constraint active_session_has_both_remote_ids check (
    status <> 'active' or (acontext_session_id is not null and acontext_disk_id is not null)
  ),
  constraint session_has_owner_unless_deleting check (status = 'deleting' or user_id is not null),
  constraint title_is_short check (char_length(title) <= 200),
  constraint metadata_is_object check (jsonb_typeof(metadata) = 'object'),
  constraint metadata_is_small check (octet_length(metadata::text) <= 8192),
  -- Compared with seconds, an interval of '10 years' counts only 3600 days.
  constraint ttl_in_range check (ttl between interval '1 minute' and interval '3650 days'),
  constraint message_count_not_negative check (message_count >= 0),
  constraint pinned_never_expires check (pinned = (expires_at is null))
) with (fillfactor = 90);

comment on table public.session_mappings is
  'One row per conversation: its owner, its lifetime and its two Acontext resources. A row leaves only when both are proven gone.';
comment on column public.session_mappings.ttl is
  'Own lifetime since the last activity; null: the project''s session_ttl.';
comment on column public.session_mappings.expires_at is
  'last_activity_at + ttl, kept by a trigger; null when pinned.';

-- Serves the owner's list; sessions that wait for their deletion are not in the way.
create index session_mappings_list
  on public.session_mappings (user_id, pinned desc, last_activity_at desc, id desc) where status = 'active';

comment on index public.session_mappings_list is
  'Serves the owner''s list, pinned first, then newest activity. Titles are searched within it: an owner has too few sessions for an index on words.';

-- Serves the foreign key and the quota.
create index session_mappings_user_id on public.session_mappings (user_id);

-- Serves the expiry scan and, nulls included, the expiry limit.
create index session_mappings_by_expiry
  on public.session_mappings (expires_at) where status = 'active';

create index session_mappings_provisioning
  on public.session_mappings (last_activity_at) where status = 'provisioning';

alter table public.session_mappings enable row level security;

create policy "Owners see their active sessions"
  on public.session_mappings for select to authenticated
  using (user_id = (select auth.uid()) and status = 'active');

create policy "Owners edit their active sessions"
  on public.session_mappings for update to authenticated
  using (user_id = (select auth.uid()) and status = 'active')
  with check (user_id = (select auth.uid()) and status = 'active');

revoke all on public.session_mappings from public, anon, authenticated, service_role;

grant select on public.session_mappings to authenticated;
grant update (title, metadata, pinned, ttl) on public.session_mappings to authenticated;
grant select, insert, update, delete on public.session_mappings to service_role;

-- Security definer: it reads acontext_sessions.settings on behalf of owners who may not.
create function acontext_sessions.stamp_session()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  if tg_op = 'UPDATE' and (new.title, new.metadata, new.pinned, new.ttl, new.status)
    is distinct from (old.title, old.metadata, old.pinned, old.ttl, old.status)
  then
    new.updated_at := acontext_sessions.clock();
  end if;
  if tg_op = 'INSERT'
    or (new.pinned, new.ttl, new.last_activity_at)
      is distinct from (old.pinned, old.ttl, old.last_activity_at)
  then
    new.expires_at := case
      when new.pinned then null
      else new.last_activity_at
        + coalesce(new.ttl, (select s.session_ttl from acontext_sessions.settings as s))
    end;
  end if;
  return new;
end;
$$;

revoke execute on function acontext_sessions.stamp_session() from public, anon, authenticated, service_role;

comment on function acontext_sessions.stamp_session() is 'Trigger: keeps updated_at and expires_at.';

-- Named to run after guard_session_change, which may change the status.
create trigger stamp_session
  before insert or update on public.session_mappings
  for each row execute function acontext_sessions.stamp_session();

create function acontext_sessions.session_view(p_session public.session_mappings)
returns jsonb
-- Not sql: its plan is kept from one call to the next.
language plpgsql
stable
security invoker
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'id', p_session.id,
    'status', p_session.status,
    'title', p_session.title,
    'metadata', p_session.metadata,
    'pinned', p_session.pinned,
    'ttl', extract(epoch from p_session.ttl)::bigint,
    'messageCount', p_session.message_count,
    'acontextSessionId', p_session.acontext_session_id,
    'acontextDiskId', p_session.acontext_disk_id,
    'createdAt', p_session.created_at,
    'updatedAt', p_session.updated_at,
    'lastActivityAt', p_session.last_activity_at,
    'expiresAt', p_session.expires_at
  );
end;
$$;

revoke execute on function acontext_sessions.session_view(public.session_mappings)
  from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.session_view(public.session_mappings) to service_role;

comment on function acontext_sessions.session_view(public.session_mappings) is
  'A session in the shape in which the functions answer it.';

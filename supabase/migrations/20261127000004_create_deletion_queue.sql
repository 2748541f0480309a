-- Purpose: what has to be deleted in Acontext, and the receipts of what was.
-- Risk: none; new tables.

create type acontext_sessions.deletion_reason as enum ('requested', 'expired', 'user_deleted', 'stale', 'orphan');

revoke all on type acontext_sessions.deletion_reason from public, anon, authenticated, service_role;

create type acontext_sessions.deletion_proof as enum ('deleted', 'absent', 'unproven');

revoke all on type acontext_sessions.deletion_proof from public, anon, authenticated, service_role;

create table acontext_sessions.deletion_queue (
  id uuid primary key,
  origin_id uuid not null,
  reason acontext_sessions.deletion_reason not null,
  user_id uuid,
  acontext_session_id uuid,
  acontext_disk_id uuid,
  requested_at timestamptz not null default acontext_sessions.clock(),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default acontext_sessions.clock(),
  first_claimed_at timestamptz,
  lease_id uuid,
  leased_until timestamptz,
  session_gone_at timestamptz,
  session_proof acontext_sessions.deletion_proof,
  disk_gone_at timestamptz,
  disk_proof acontext_sessions.deletion_proof,
  last_error text,
  constraint queued_id_is_not_nil check (id <> '00000000-0000-0000-0000-000000000000'),
  constraint lease_has_id_and_end check ((lease_id is null) = (leased_until is null)),
  constraint session_gone_has_proof check ((session_gone_at is null) = (session_proof is null)),
  constraint disk_gone_has_proof check ((disk_gone_at is null) = (disk_proof is null)),
  constraint attempts_not_negative check (attempts >= 0)
) with (fillfactor = 70);

comment on table acontext_sessions.deletion_queue is
  'Remote resources to delete. An entry leaves only when both resources are proven gone, or when its session is restored.';
comment on column acontext_sessions.deletion_queue.id is
  'The session''s id; for an orphan an id that no client can foretell.';

comment on column acontext_sessions.deletion_queue.origin_id is
  'The session id in the mark that the remote resources carry. Equals id except for orphans.';
comment on column acontext_sessions.deletion_queue.attempts is 'Attempts that failed.';
comment on column acontext_sessions.deletion_queue.next_attempt_at is
  'Due from here on. A claim moves it to the end of the lease, so that one index finds both the due and the abandoned.';
comment on column acontext_sessions.deletion_queue.first_claimed_at is
  'Set by the first claim. From then on a remote delete may be in progress, so the session can no longer be restored.';

create index deletion_queue_due on acontext_sessions.deletion_queue (next_attempt_at, id);

-- Serves reconcile: does anybody look after what carries this session's mark?
create index deletion_queue_origin_id on acontext_sessions.deletion_queue (origin_id);

create unique index deletion_queue_acontext_session_id
  on acontext_sessions.deletion_queue (acontext_session_id) where acontext_session_id is not null;

create unique index deletion_queue_acontext_disk_id
  on acontext_sessions.deletion_queue (acontext_disk_id) where acontext_disk_id is not null;

revoke all on acontext_sessions.deletion_queue from public, anon, authenticated, service_role;
grant select, insert, update, delete on acontext_sessions.deletion_queue to service_role;

-- Both are empty while all is well.
create index deletion_queue_stuck on acontext_sessions.deletion_queue (requested_at) where attempts >= acontext_sessions.stuck_attempts();

create table acontext_sessions.deletion_log (
  log_id bigint generated always as identity primary key,
  id uuid not null,
  origin_id uuid not null,
  reason acontext_sessions.deletion_reason not null,
  user_id uuid,
  acontext_session_id uuid,
  acontext_disk_id uuid,
  session_proof acontext_sessions.deletion_proof not null,
  session_gone_at timestamptz not null,
  disk_proof acontext_sessions.deletion_proof not null,
  disk_gone_at timestamptz not null,
  attempts integer not null,
  requested_at timestamptz not null,
  finished_at timestamptz not null default acontext_sessions.clock()
);

comment on table acontext_sessions.deletion_log is
  'Receipts, append-only: what was deleted, for whom, why, and how each resource was proven gone. Kept for log_retention.';
comment on column acontext_sessions.deletion_log.attempts is 'Attempts that it took, the last one included.';

-- Serves the check that no session id lives twice.
create index deletion_log_by_origin on acontext_sessions.deletion_log (origin_id);

create index deletion_log_by_age on acontext_sessions.deletion_log (finished_at);

revoke all on acontext_sessions.deletion_log from public, anon, authenticated, service_role;
revoke all on sequence acontext_sessions.deletion_log_log_id_seq from public, anon, authenticated, service_role;
grant select, insert on acontext_sessions.deletion_log to service_role;

create index deletion_log_unproven
  on acontext_sessions.deletion_log (finished_at) where session_proof = 'unproven' or disk_proof = 'unproven';

create function acontext_sessions.deletion_view(p_entry acontext_sessions.deletion_queue)
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select jsonb_build_object(
    'id', p_entry.id,
    'originId', p_entry.origin_id,
    'acontextSessionId', p_entry.acontext_session_id,
    'acontextDiskId', p_entry.acontext_disk_id,
    'sessionGone', p_entry.session_gone_at is not null,
    'diskGone', p_entry.disk_gone_at is not null,
    'attempts', p_entry.attempts
  );
$$;

revoke execute on function acontext_sessions.deletion_view(acontext_sessions.deletion_queue)
  from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.deletion_view(acontext_sessions.deletion_queue) to service_role;

comment on function acontext_sessions.deletion_view(acontext_sessions.deletion_queue) is
  'A queue entry in the shape in which workers take it.';

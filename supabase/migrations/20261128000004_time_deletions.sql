-- Purpose: receipts tell what a message adds to the delete of its session, and which deletes were repeated.
-- Risk: new columns with constant defaults, two small partial indexes.

alter table acontext_sessions.deletion_log
  add column messages integer,
  add column session_ms integer,
  add column repeated_deletes integer not null default 0;

comment on column acontext_sessions.deletion_log.session_ms is
  'Milliseconds that Acontext took to delete the session; null when that was not seen.';
comment on column acontext_sessions.deletion_log.repeated_deletes is
  'Deletes that were sent although an earlier one may have had an effect. Only there can content that others share have been lost.';

-- Serves the time that a message takes to be deleted.
create index deletion_log_paced on acontext_sessions.deletion_log (log_id) where messages >= 20 and session_ms is not null;

create index deletion_log_repeated on acontext_sessions.deletion_log (finished_at) where repeated_deletes > 0;

create function acontext_sessions.ms_per_message()
returns double precision
language sql
stable
security invoker
set search_path = ''
as $$
  select percentile_cont(0.75) within group (order by l.session_ms::double precision / l.messages)
  from (
    select d.session_ms, d.messages
    from acontext_sessions.deletion_log as d
    where d.messages >= 20 and d.session_ms is not null
    order by d.log_id desc limit 100
  ) as l;
$$;

revoke execute on function acontext_sessions.ms_per_message() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.ms_per_message() to service_role;

comment on function acontext_sessions.ms_per_message() is
  'Milliseconds that a message adds to the delete of its session, by the last hundred receipts that show it; null without any.';

-- Purpose: which request of pg_net carried a run, known for exactly as long as pg_net itself knows it.
-- Risk: none; a new, small table.

-- Unlogged like pg_net's own tables: the crash that empties those, after which it counts from 1 again, empties this one.
-- So an answer to somebody else's request of the same number is never taken for ours, and a call that was lost shows.
create unlogged table acontext_sessions.calls (
  -- No reference to runs, which making it would keep from those who are at work; the nightly purge keeps both together.
  run_id uuid primary key,
  request_id bigint not null,
  -- Another table of answers: pg_net was switched off and on again in between.
  answers_oid oid not null,
  -- By the clock of pg_net's answers.
  called_at timestamptz not null default now(),
  -- When somebody showed the run's id to start it.
  taken_at timestamptz
);

comment on table acontext_sessions.calls is
  'Which request of pg_net carried which run. Emptied by a crash of the database, as pg_net''s tables are.';
comment on column acontext_sessions.calls.answers_oid is 'The table net._http_response of that time.';

revoke all on acontext_sessions.calls from public, anon, authenticated, service_role;
grant select, update on acontext_sessions.calls to service_role;

-- Purpose: one request of a user to the table changes a bounded number of sessions.
-- Risk: an app that changes more than 100 of a user's sessions in one request is refused.

create function acontext_sessions.bound_changes_at_once()
returns trigger
language plpgsql
volatile
security invoker
set search_path = ''
as $$
declare
  v_limit constant integer := 100;
  v_changed integer := coalesce(nullif(current_setting('acontext_sessions.changed', true), ''), '0')::integer + 1;
begin
  if v_changed > v_limit then
    raise sqlstate 'PT400' using
      message = format('Cannot change more than %s sessions at a time', v_limit),
      hint = 'Name the sessions in the filter, a part of them in each request.';
  end if;
  perform set_config('acontext_sessions.changed', v_changed::text, true);
  return new;
end;
$$;

revoke execute on function acontext_sessions.bound_changes_at_once() from public, anon, authenticated, service_role;

comment on function acontext_sessions.bound_changes_at_once() is
  'Trigger: a user changes at most 100 sessions in a transaction, which is a request to the Data API.';

-- Before the other triggers, so that what is too much costs little. What services and our functions change is not counted.
create trigger bound_changes_at_once
before update of title, metadata, pinned, ttl on public.session_mappings
for each row when (current_user = 'authenticated')
execute function acontext_sessions.bound_changes_at_once();

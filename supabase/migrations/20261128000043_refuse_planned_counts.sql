-- Purpose: the planner's estimate of a count, which is made from the rows of all users, is told to no user.
-- Risk: an app that counts sessions with `count=planned`, or with `count=estimated` where a user has more rows than the API
-- answers at once, is refused.

-- Immutable, so that it is asked when a query is planned, which is all that an EXPLAIN does, and for no row.
create function acontext_sessions.is_no_estimate()
returns boolean
language plpgsql
immutable
security invoker
set search_path = ''
as $$
begin
  if session_user = 'authenticator' and current_query() ~* '^\s*explain' then
    raise sqlstate 'PT400' using
      message = 'Cannot estimate the number of sessions: an estimate tells of the sessions of others',
      hint = 'Send "Prefer: count=exact".';
  end if;
  return true;
end;
$$;

revoke execute on function acontext_sessions.is_no_estimate() from public, anon, authenticated, service_role;
grant execute on function acontext_sessions.is_no_estimate() to authenticated;

comment on function acontext_sessions.is_no_estimate() is
  'True, or an error when the Data API asks the planner how many rows a query finds.';

alter policy "Owners see their active sessions" on public.session_mappings
using (
  user_id = (select auth.uid()) and status = 'active' and (select acontext_sessions.caller_may_see_sessions())
  and acontext_sessions.is_no_estimate()
);

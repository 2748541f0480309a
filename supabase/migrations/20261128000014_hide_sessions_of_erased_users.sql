-- Purpose: a token outlives its user by up to an hour; it shows nothing any more.
-- Risk: none; policies are narrowed.

alter policy "Owners see their active sessions" on public.session_mappings
  using (
    user_id = (select auth.uid()) and status = 'active'
    and (select acontext_sessions.caller_may_see_sessions())
  );

alter policy "Owners edit their active sessions" on public.session_mappings
  using (
    user_id = (select auth.uid()) and status = 'active'
    and (select acontext_sessions.caller_may_see_sessions())
  )
  with check (user_id = (select auth.uid()) and status = 'active');

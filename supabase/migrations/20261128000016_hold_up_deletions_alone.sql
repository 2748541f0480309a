-- Purpose: whoever makes a session waits for a deletion of the user, and holds one up, as with the foreign key; no other change of the
-- account, such as a sign-in or an update of all users.
-- Risk: none; a function is replaced.

-- Security definer: the service role may neither read nor lock auth.users.
create or replace function acontext_sessions.lock_user(p_user_id uuid)
returns text
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  begin
    perform 1 from auth.users as u where u.id = p_user_id for key share;
  exception when insufficient_privilege then
    -- Without the right to lock, what is made while its user is being deleted is found by the nightly look.
    null;
  end;
  return acontext_sessions.user_refusal(p_user_id);
end;
$$;

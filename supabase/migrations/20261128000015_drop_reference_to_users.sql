-- Purpose: a user is deleted at once, however many sessions there are. The foreign key changed all of them in one statement.
-- Risk: both tables are locked for a moment. It waits for neither while it holds the other.

do $$
begin
  for i in 1..600 loop
    begin
      perform set_config('lock_timeout', '100ms', true);
      alter table public.session_mappings drop constraint session_mappings_user_id_fkey;
      perform set_config('lock_timeout', '0', true);
      return;
    exception when lock_not_available then
      -- What it held is free again.
      perform pg_sleep(0.1 * random());
    end;
  end loop;
  raise exception 'Cannot lock session_mappings and auth.users for a moment: they are in use'
    using hint = 'Apply the migrations again when there is less to do.';
end;
$$;

comment on column public.session_mappings.user_id is
  'The owner, in auth.users. No foreign key: it would change all rows of a user in the deletion of the user. Triggers on auth.users note who is deleted, and runs take the owner from the rows, step by step.';

comment on index public.session_mappings_user_id is 'Serves the steps after a user was deleted, and the quota.';

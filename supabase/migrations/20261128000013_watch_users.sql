-- Purpose: tells us of users who are deleted in Auth, softly or not.
-- Risk: triggers on a table of Auth. They fire on deletions alone, never fail, and are bounded. Sign-ins write that table: this
-- waits for it for a moment at a time, so that nobody waits behind it.

do $$
begin
  for i in 1..600 loop
    begin
      perform set_config('lock_timeout', '100ms', true);
      -- One for all users of a statement, so that deleting many is bounded, too.
      create trigger acontext_note_erased_users
        after delete on auth.users
        referencing old table as gone
        for each statement execute function acontext_sessions.note_erased_users();
      create trigger acontext_note_soft_deleted_user
        after update of deleted_at on auth.users
        for each row when (old.deleted_at is null and new.deleted_at is not null)
        execute function acontext_sessions.note_erased_users();
      perform set_config('lock_timeout', '0', true);
      return;
    exception when lock_not_available then
      perform pg_sleep(0.1 * random());
    end;
  end loop;
  raise exception 'Cannot lock auth.users for a moment: it is in use'
    using hint = 'Apply the migrations again when there is less to do.';
end;
$$;

-- Purpose: tells us of users who are deleted in Auth, softly or not.
-- Risk: triggers on a table of Auth. They fire on deletions alone, never fail, and are bounded.

-- One for all users of a statement, so that deleting many is bounded, too.
create trigger acontext_note_erased_users
  after delete on auth.users
  referencing old table as gone
  for each statement execute function acontext_sessions.note_erased_users();

create trigger acontext_note_soft_deleted_user
  after update of deleted_at on auth.users
  for each row when (old.deleted_at is null and new.deleted_at is not null)
  execute function acontext_sessions.note_erased_users();

-- Purpose: the owner's list begins with the pinned sessions, page by page at the same cost.
-- Risk: blocks writes while the index is built, about a second for a million rows. Where that is too long, create
-- the index concurrently, under this name, before applying the migration.

-- In the place of the index without `pinned`, not beside it: every touch of a session writes to each index.
create index if not exists session_mappings_list
  on public.session_mappings (user_id, pinned desc, last_activity_at desc, id desc) where status = 'active';
drop index public.session_mappings_by_owner;

comment on index public.session_mappings_list is
  'Serves the owner''s list, pinned first, then newest activity. Titles are searched within it: an owner has too few sessions for an index on words.';

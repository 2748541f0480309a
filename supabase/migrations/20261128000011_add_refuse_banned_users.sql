-- Purpose: a setting that says whether users whom Auth has banned may go on with the access token that they still have.
-- Risk: they may not any more, from the ban on; before, they could until their token ended, an hour at most.

alter table acontext_sessions.settings
  add column refuse_banned_users boolean not null default true;

comment on column acontext_sessions.settings.refuse_banned_users is
  'Users who are banned in Auth see and use nothing while the ban lasts, also with a token from before it.';

-- What Vault holds for the dispatcher: what counts as usable, and replacing it in one go.
begin;
\ir helpers/arrange.psql
select no_plan();
delete from vault.secrets where name in ('acontext_sessions_project_url', 'acontext_sessions_secret_key');
delete from acontext_sessions.runs where true;
create temporary table seen as select q.id from net.http_request_queue as q;

-- What is usable
select is(acontext_sessions.usable_project_url(v.value), v.usable, format('as a URL, %L is %L', v.value, v.usable))
from (values
  ('https://abc.supabase.co', 'https://abc.supabase.co'),
  (E' https://abc.supabase.co//\r\n', 'https://abc.supabase.co'),
  ('http://127.0.0.1:54321', 'http://127.0.0.1:54321'),
  ('https://example.com/supabase/', 'https://example.com/supabase'),
  ('abc.supabase.co', null),
  ('ftp://abc.supabase.co', null),
  ('https://', null),
  ('https://abc .supabase.co', null),
  (E'https://abc.supabase.co\nhttps://xyz.supabase.co', null),
  ('https://user:word@abc.supabase.co', null),
  ('https://abc.supabase.co?x=1', null),
  ('env(ACONTEXT_SESSIONS_PROJECT_URL)', null),
  ('', null),
  (null, null)
) as v (value, usable);
select is(acontext_sessions.usable_secret_key(v.value), v.usable, format('as a key, %L is %L', v.value, v.usable))
from (values
  ('sb_secret_abc-DEF_1', 'sb_secret_abc-DEF_1'),
  (E'\tsb_secret_abc\r\n', 'sb_secret_abc'),
  ('sb_secret abc', null),
  (E'sb_secret_abc\nx-other: 1', null),
  ('sb_secret_…', null),
  ('env(ACONTEXT_SESSIONS_SECRET_KEY)', null),
  ('', null),
  (null, null)
) as v (value, usable);

-- What the dispatcher does with it
select tests.put_secret('acontext_sessions_project_url', 'env(ACONTEXT_SESSIONS_PROJECT_URL)');
select tests.put_secret('acontext_sessions_secret_key', 'sb_secret_of_this_test');
select lives_ok($$select acontext_sessions.dispatch_reconcile('schedule')$$, 'a URL that pg_net would refuse raises nothing');
select is((select stop_reason from acontext_sessions.runs), 'not_configured', 'it is as if there were none');
select is(
  public.acontext_session_health(0) -> 'vault',
  '{"state": "ok", "projectUrl": null, "secretKey": true, "unusable": ["acontext_sessions_project_url"]}'::jsonb, 'health names it, without its value'
);
select tests.put_secret('acontext_sessions_project_url', E'https://abc.supabase.co/\n');
select tests.put_secret('acontext_sessions_secret_key', E'sb_secret_of_this_test\n');
select ok(acontext_sessions.dispatch_reconcile('schedule'), 'what only has blanks around it is used');
select results_eq(
  $$select q.url, q.headers ->> 'apikey' from net.http_request_queue as q where q.id not in (select s.id from seen as s)$$,
  $$values ('https://abc.supabase.co/functions/v1/cleanup-sessions', 'sb_secret_of_this_test')$$, 'without them'
);
select is(
  public.acontext_session_health(0) -> 'vault',
  '{"state": "ok", "projectUrl": "https://abc.supabase.co", "secretKey": true, "unusable": []}'::jsonb, 'and health shows no fault'
);

-- Replacing
select tests.put_secret('acontext_sessions_secret_key', null);
insert into seen select q.id from net.http_request_queue as q;
delete from acontext_sessions.runs where true;
set local role service_role;
select is(
  public.acontext_set_vault_secrets(E' https://xyz.supabase.co/\n', E'sb_secret_new\n'),
  '{"projectUrl": "https://xyz.supabase.co", "called": true}'::jsonb, 'both are stored at once, and the key is not answered'
);
reset role;
select bag_eq(
  $$select name, decrypted_secret from vault.decrypted_secrets where name in ('acontext_sessions_project_url', 'acontext_sessions_secret_key')$$,
  $$values ('acontext_sessions_project_url', 'https://xyz.supabase.co'), ('acontext_sessions_secret_key', 'sb_secret_new')$$,
  'one was replaced and the other made, both trimmed'
);
select results_eq(
  $$select q.url, q.headers ->> 'apikey' from net.http_request_queue as q where q.id not in (select s.id from seen as s)$$,
  $$values ('https://xyz.supabase.co/functions/v1/cleanup-sessions', 'sb_secret_new')$$, 'a worker is called with them'
);
select results_eq(
  'select trigger::text, status::text, expires_sessions, force from acontext_sessions.runs',
  $$values ('manual', 'requested', false, false)$$, 'on a run that expires nothing'
);
set local role service_role;
select throws_ok(
  $$select public.acontext_set_vault_secrets('abc.supabase.co', 'sb_secret_other')$$, 'PT400',
  'Cannot store the secrets: the project''s URL is not one, with https:// and without blanks', 'a bad URL is refused'
);
select throws_ok(
  $$select public.acontext_set_vault_secrets('https://abc.supabase.co', 'sb_secret other')$$, 'PT400',
  'Cannot store the secrets: the secret key is empty or has blanks in it', 'and so is a bad key'
);
reset role;
select bag_eq(
  $$select name, decrypted_secret from vault.decrypted_secrets where name in ('acontext_sessions_project_url', 'acontext_sessions_secret_key')$$,
  $$values ('acontext_sessions_project_url', 'https://xyz.supabase.co'), ('acontext_sessions_secret_key', 'sb_secret_new')$$, 'nothing was changed'
);
select tests.put_secret('acontext_sessions_secret_key', 'sb_secret_of_before');
insert into seen select q.id from net.http_request_queue as q;
set local role service_role;
select is(
  public.acontext_set_vault_secrets('https://elsewhere.example', null),
  '{"projectUrl": "https://elsewhere.example", "called": true}'::jsonb, 'the URL can be stored alone'
);
reset role;
select bag_eq(
  $$select name, decrypted_secret from vault.decrypted_secrets where name in ('acontext_sessions_project_url', 'acontext_sessions_secret_key')$$,
  $$values ('acontext_sessions_project_url', 'https://elsewhere.example')$$, 'then the key is taken out of Vault'
);
select is_empty(
  $$select 1 from net.http_request_queue as q where q.id not in (select s.id from seen as s) and q.headers::text like '%sb_secret%'$$,
  'and nobody gets it sent elsewhere'
);
set local role authenticated;
select throws_ok(
  $$select public.acontext_set_vault_secrets('https://abc.supabase.co', 'sb_secret_other')$$, '42501',
  'permission denied for function acontext_set_vault_secrets', 'users may not replace them'
);
reset role;

select * from finish();
rollback;

-- The SQL surface of pg_net 0.20: the same names, signatures, defaults and columns. The worker is a client
-- (local/net_worker.ts), which is woken by a notification and so only ever sees committed requests.

create schema net;
grant usage on schema net to public;

create domain net.http_method as text
  check (lower(value) in ('get', 'post', 'delete'));

-- Unlogged as upstream: a crash of the database loses what was queued.
create unlogged table net.http_request_queue (
  id bigserial,
  method net.http_method not null,
  url text not null,
  headers jsonb,
  body bytea,
  timeout_milliseconds integer not null
);

create unlogged table net._http_response (
  id bigint,
  status_code integer,
  content_type text,
  headers jsonb,
  content text,
  timed_out boolean,
  error_msg text,
  created timestamptz not null default now()
);
create index _http_response_created_idx on net._http_response (created);

create type net.request_status as enum ('PENDING', 'SUCCESS', 'ERROR');

create type net.http_response as (
  status_code integer,
  headers jsonb,
  body text
);

create type net.http_response_result as (
  status net.request_status,
  message text,
  response net.http_response
);

create function net._urlencode_string(string varchar)
  returns text
  language sql
  immutable
  strict
  set search_path = ''
as $$
  select coalesce(string_agg(
    case
      when (byte between 48 and 57) or (byte between 65 and 90) or (byte between 97 and 122)
        or byte in (45, 46, 95, 126) then chr(byte)
      else '%' || upper(lpad(to_hex(byte), 2, '0'))
    end, '' order by position), '')
  from (
    select position, get_byte(encoded, position) as byte
    from (select convert_to(string, 'UTF8') as encoded) as source,
      lateral generate_series(0, length(encoded) - 1) as position
  ) as bytes
$$;

-- Raises as libcurl does on an address that it cannot parse. What it does not imitate: `a/../b` stays as it is, and so do
-- host names that are numbers.
create function net._check_url(url text)
  returns void
  language plpgsql
  immutable
  set search_path = ''
as $$
declare
  scheme constant text := lower(substring(url from '^([A-Za-z0-9][A-Za-z0-9+.-]*):'));
  slashes constant integer := length(substring(url from '^[^:/]+:(/*)'));
  authority constant text := substring(url from '^[^:/]+:/*([^/?#]*)');
  host constant text := regexp_replace(authority, '^.*@', '');
  port constant text := substring(host from '^(?:\[[^]]*\]|[^:]*):(.*)$');
  reason text;
begin
  reason := case
    when url ~ '[\x01-\x20\x7f]' then 'Malformed input to a URL function'
    when scheme is null then 'Bad scheme'
    when scheme not in ('http', 'https', 'ftp', 'ftps', 'file') then 'Unsupported URL scheme'
    when slashes not between 1 and 3 then 'Unsupported number of slashes following scheme'
    when scheme = 'file' then null
    when host = '' then 'No host part in the URL'
    when host like '[%' and host not like '%]%' then 'Bad IPv6 address'
    when port <> '' and (port !~ '^[0-9]{1,5}$' or port::integer > 65535)
      then 'Port number was not a decimal number between 0 and 65535'
  end;
  if reason is not null then
    raise exception using
      errcode = 'internal_error',
      message = format('invalid URL "%s": %s', url, reason);
  end if;
end
$$;

create function net._encode_url_with_params_array(url text, params_array text[])
  returns text
  language plpgsql
  immutable
  set search_path = ''
as $$
declare
  parts text[];
  query text;
begin
  if url is null or params_array is null then
    return null;
  end if;
  perform net._check_url(url);
  -- Scheme, authority, path, query, fragment.
  parts := regexp_match(url, '^([^:/]+):/*([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?$');
  query := array_to_string(nullif(parts[4], '') || params_array, '&');
  return lower(parts[1]) || '://' || regexp_replace(parts[2], ':$', '')
    || coalesce(nullif(parts[3], ''), '/')
    || case when query = '' then '' else '?' || query end
    || coalesce('#' || parts[5], '');
end
$$;

create function net._params_array(params jsonb)
  returns text[]
  language sql
  immutable
  set search_path = ''
as $$
  select coalesce(
    array_agg(net._urlencode_string(key) || '=' || net._urlencode_string(value)), '{}')
  from jsonb_each_text(params)
$$;

-- A notification is delivered after the commit and never after a rollback, which is when upstream wakes its worker.
create function net.wake()
  returns void
  language sql
  set search_path = ''
as $$
  select pg_notify('pg_net_wake', '')
$$;

create function net.worker_restart()
  returns boolean
  language plpgsql
  set search_path = ''
as $$
begin
  perform pg_notify('pg_net_restart', '');
  return true;
end
$$;

create function net.check_worker_is_up()
  returns void
  language plpgsql
  set search_path = ''
as $$
begin
  if not exists (select from pg_stat_activity where application_name ~ '^pg_net [0-9.]+$') then
    raise exception using
      message = 'the pg_net background worker is not up',
      hint = 'The local network worker is part of the stack that `npm start` runs.';
  end if;
end
$$;

create function net.wait_until_running()
  returns void
  language plpgsql
  set search_path = ''
as $$
begin
  while not exists (select from pg_stat_activity where application_name ~ '^pg_net [0-9.]+$') loop
    perform pg_sleep(0.05);
    perform pg_stat_clear_snapshot();
  end loop;
end
$$;

create function net.http_get(
  url text,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{}'::jsonb,
  timeout_milliseconds integer default 5000
)
  returns bigint
  language plpgsql
  set search_path = ''
as $$
declare
  request_id bigint;
begin
  insert into net.http_request_queue (method, url, headers, timeout_milliseconds)
  values (
    'GET', net._encode_url_with_params_array(url, net._params_array(params)), headers, timeout_milliseconds)
  returning id into request_id;
  perform net.wake();
  return request_id;
end
$$;

create function net.http_post(
  url text,
  body jsonb default '{}'::jsonb,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{"Content-Type": "application/json"}'::jsonb,
  timeout_milliseconds integer default 5000
)
  returns bigint
  language plpgsql
  set search_path = ''
as $$
declare
  request_id bigint;
  content_type text;
begin
  select value into content_type
  from jsonb_each_text(coalesce(headers, '{}'::jsonb))
  where lower(key) = 'content-type'
  limit 1;

  if content_type is null then
    headers := headers || '{"Content-Type": "application/json"}'::jsonb;
  elsif content_type <> 'application/json' then
    raise exception 'Content-Type header must be "application/json"';
  end if;

  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values (
    'POST', net._encode_url_with_params_array(url, net._params_array(params)), headers,
    convert_to(body::text, 'UTF8'), timeout_milliseconds)
  returning id into request_id;
  perform net.wake();
  return request_id;
end
$$;

create function net.http_delete(
  url text,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{}'::jsonb,
  timeout_milliseconds integer default 5000,
  body jsonb default null
)
  returns bigint
  language plpgsql
  set search_path = ''
as $$
declare
  request_id bigint;
begin
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values (
    'DELETE', net._encode_url_with_params_array(url, net._params_array(params)), headers,
    convert_to(body::text, 'UTF8'), timeout_milliseconds)
  returning id into request_id;
  perform net.wake();
  return request_id;
end
$$;

create function net._await_response(request_id bigint)
  returns boolean
  language plpgsql
  set search_path = ''
as $$
begin
  while not exists (select from net._http_response as r where r.id = request_id) loop
    perform pg_sleep(0.05);
  end loop;
  return true;
end
$$;

create function net._http_collect_response(request_id bigint, async boolean default true)
  returns net.http_response_result
  language plpgsql
  set search_path = ''
as $$
declare
  answer net._http_response;
begin
  if not async then
    perform net._await_response(request_id);
  end if;

  select r.* into answer from net._http_response as r where r.id = request_id;
  if not found or answer.error_msg is not null then
    return row(
      'ERROR', coalesce(answer.error_msg, 'request matching request_id not found'), null
    )::net.http_response_result;
  end if;
  return row(
    'SUCCESS', 'ok',
    row(answer.status_code, answer.headers, answer.content)::net.http_response
  )::net.http_response_result;
end
$$;

create function net.http_collect_response(request_id bigint, async boolean default true)
  returns net.http_response_result
  language plpgsql
  set search_path = ''
as $$
begin
  raise notice 'The net.http_collect_response function is deprecated.';
  return net._http_collect_response(request_id, async);
end
$$;

grant all on all tables in schema net to public;
grant all on all sequences in schema net to public;

-- The SQL surface of Supabase Vault 0.3. Secrets are AES-256 encrypted and authenticated together with their id. The
-- key is the file vault.key in the data directory, so that a dump of the table is worth nothing.
-- Needs pgcrypto in schema extensions, where the platform has it too.

-- Derives one 32-byte key per purpose. Executable by the owner alone.
create function vault._key(purpose text)
  returns bytea
  language sql
  stable
  set search_path = ''
as $$
  select extensions.hmac(convert_to(purpose, 'UTF8'), pg_read_binary_file('vault.key'), 'sha256')
$$;
revoke all on function vault._key(text) from public;

create function vault._crypto_aead_det_noncegen()
  returns bytea
  language sql
  volatile
  set search_path = ''
as $$
  select extensions.gen_random_bytes(16)
$$;

create function vault._crypto_aead_det_encrypt(
  message bytea, additional bytea, key_id bigint, context bytea default 'pgsodium', nonce bytea default null
)
  returns bytea
  language plpgsql
  stable
  security definer
  set search_path = ''
as $$
declare
  sealed bytea := extensions.encrypt_iv(message, vault._key('encrypt'), nonce, 'aes-cbc/pad:pkcs');
begin
  return extensions.hmac(additional || nonce || sealed, vault._key('authenticate'), 'sha256') || sealed;
end
$$;

create function vault._crypto_aead_det_decrypt(
  message bytea, additional bytea, key_id bigint, context bytea default 'pgsodium', nonce bytea default null
)
  returns bytea
  language plpgsql
  stable
  security definer
  set search_path = ''
as $$
declare
  tag bytea := substring(message from 1 for 32);
  sealed bytea := substring(message from 33);
begin
  if tag <> extensions.hmac(additional || nonce || sealed, vault._key('authenticate'), 'sha256') then
    raise exception 'vault: invalid ciphertext';
  end if;
  return extensions.decrypt_iv(sealed, vault._key('encrypt'), nonce, 'aes-cbc/pad:pkcs');
end
$$;

create table vault.secrets (
  id uuid primary key default gen_random_uuid(),
  name text,
  description text not null default '',
  secret text not null,
  key_id uuid,
  nonce bytea default vault._crypto_aead_det_noncegen(),
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp
);
comment on table vault.secrets is 'Secrets; the column secret is encrypted.';
create unique index secrets_name_idx on vault.secrets (name) where name is not null;
select pg_catalog.pg_extension_config_dump('vault.secrets', '');

create view vault.decrypted_secrets as
select
  s.id,
  s.name,
  s.description,
  s.secret,
  convert_from(
    vault._crypto_aead_det_decrypt(
      message => decode(s.secret, 'base64'),
      additional => convert_to(s.id::text, 'UTF8'),
      key_id => 0,
      context => 'pgsodium'::bytea,
      nonce => s.nonce),
    'UTF8') as decrypted_secret,
  s.key_id,
  s.nonce,
  s.created_at,
  s.updated_at
from vault.secrets as s;

create function vault.create_secret(
  new_secret text, new_name text default null, new_description text default '', new_key_id uuid default null
)
  returns uuid
  language plpgsql
  security definer
  set search_path = ''
as $$
declare
  secret_id uuid := gen_random_uuid();
  secret_nonce bytea := vault._crypto_aead_det_noncegen();
begin
  insert into vault.secrets (id, name, description, nonce, secret)
  values (
    secret_id, new_name, new_description, secret_nonce,
    encode(
      vault._crypto_aead_det_encrypt(
        convert_to(new_secret, 'UTF8'), convert_to(secret_id::text, 'UTF8'), 0, 'pgsodium', secret_nonce),
      'base64'));
  return secret_id;
end
$$;

create function vault.update_secret(
  secret_id uuid, new_secret text default null, new_name text default null, new_description text default null,
  new_key_id uuid default null
)
  returns void
  language plpgsql
  security definer
  set search_path = ''
as $$
declare
  -- Upstream reads the old value, too: a secret that cannot be decrypted cannot be changed.
  old_secret text := (select d.decrypted_secret from vault.decrypted_secrets as d where d.id = secret_id);
begin
  update vault.secrets as s
  set
    secret = case
      when new_secret is null then s.secret
      else encode(
        vault._crypto_aead_det_encrypt(
          convert_to(new_secret, 'UTF8'), convert_to(s.id::text, 'UTF8'), 0, 'pgsodium', s.nonce),
        'base64')
    end,
    name = coalesce(new_name, s.name),
    description = coalesce(new_description, s.description),
    updated_at = now()
  where s.id = secret_id;
end
$$;

-- Nobody else: upstream's functions work only for roles that may use the extension.
revoke all on all functions in schema vault from public;

do $$
declare
  grantee text;
begin
  foreach grantee in array array['postgres', 'service_role'] loop
    if not exists (select from pg_roles where rolname = grantee) then
      continue;
    end if;
    execute format('grant usage on schema vault to %I', grantee);
    execute format('grant select, delete on vault.secrets, vault.decrypted_secrets to %I', grantee);
    execute format(
      'grant execute on function vault.create_secret(text, text, text, uuid), '
      'vault.update_secret(uuid, text, text, text, uuid), '
      'vault._crypto_aead_det_decrypt(bytea, bytea, bigint, bytea, bytea) to %I', grantee);
  end loop;
end
$$;

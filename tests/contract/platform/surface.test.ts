import { assertEquals } from "@std/assert/mod.js";
import { databaseTest, shareDatabase } from "./database.ts";

/**
 * What pg_net 0.20 and Vault 0.3 offer on the platform. A stand-in that lacks something of this, or has it otherwise,
 * would let migrations pass here that fail there.
 *
 * Sources: https://github.com/supabase/pg_net, https://github.com/supabase/vault and the platform's own catalog.
 */
const FUNCTIONS = [
  "net._await_response(request_id bigint) → boolean",
  "net._encode_url_with_params_array(url text, params_array text[]) → text",
  "net._http_collect_response(request_id bigint, async boolean DEFAULT true) → net.http_response_result",
  "net._urlencode_string(string character varying) → text",
  "net.check_worker_is_up() → void",
  "net.http_collect_response(request_id bigint, async boolean DEFAULT true) → net.http_response_result",
  "net.http_delete(url text, params jsonb DEFAULT '{}'::jsonb, headers jsonb DEFAULT '{}'::jsonb, timeout_milliseconds integer DEFAULT 5000, body jsonb DEFAULT NULL::jsonb) → bigint",
  "net.http_get(url text, params jsonb DEFAULT '{}'::jsonb, headers jsonb DEFAULT '{}'::jsonb, timeout_milliseconds integer DEFAULT 5000) → bigint",
  "net.http_post(url text, body jsonb DEFAULT '{}'::jsonb, params jsonb DEFAULT '{}'::jsonb, headers jsonb DEFAULT '{\"Content-Type\": \"application/json\"}'::jsonb, timeout_milliseconds integer DEFAULT 5000) → bigint",
  "net.wait_until_running() → void",
  "net.wake() → void",
  "net.worker_restart() → boolean",
  "vault._crypto_aead_det_decrypt(message bytea, additional bytea, key_id bigint, context bytea DEFAULT '\\x7067736f6469756d'::bytea, nonce bytea DEFAULT NULL::bytea) → bytea",
  "vault._crypto_aead_det_encrypt(message bytea, additional bytea, key_id bigint, context bytea DEFAULT '\\x7067736f6469756d'::bytea, nonce bytea DEFAULT NULL::bytea) → bytea",
  "vault._crypto_aead_det_noncegen() → bytea",
  "vault.create_secret(new_secret text, new_name text DEFAULT NULL::text, new_description text DEFAULT ''::text, new_key_id uuid DEFAULT NULL::uuid) → uuid",
  "vault.update_secret(secret_id uuid, new_secret text DEFAULT NULL::text, new_name text DEFAULT NULL::text, new_description text DEFAULT NULL::text, new_key_id uuid DEFAULT NULL::uuid) → void",
];

/** `u` unlogged, `p` permanent. */
const COLUMNS: Record<string, string[]> = {
  "net._http_response u": [
    "id bigint",
    "status_code integer",
    "content_type text",
    "headers jsonb",
    "content text",
    "timed_out boolean",
    "error_msg text",
    "created timestamp with time zone not null",
  ],
  "net.http_request_queue u": [
    "id bigint not null",
    "method net.http_method not null",
    "url text not null",
    "headers jsonb",
    "body bytea",
    "timeout_milliseconds integer not null",
  ],
  "vault.decrypted_secrets p": [
    "id uuid",
    "name text",
    "description text",
    "secret text",
    "decrypted_secret text",
    "key_id uuid",
    "nonce bytea",
    "created_at timestamp with time zone",
    "updated_at timestamp with time zone",
  ],
  "vault.secrets p": [
    "id uuid not null",
    "name text",
    "description text not null",
    "secret text not null",
    "key_id uuid",
    "nonce bytea",
    "created_at timestamp with time zone not null",
    "updated_at timestamp with time zone not null",
  ],
};

const TYPES = [
  "net.http_method: text",
  "net.http_response: status_code integer, headers jsonb, body text",
  "net.http_response_result: status net.request_status, message text, response net.http_response",
  "net.request_status: PENDING, SUCCESS, ERROR",
];

const shared = shareDatabase();

databaseTest(
  "pg_net and Vault have the functions of the real ones, with the same defaults",
  async () => {
    const rows = await shared.sql<{ name: string }[]>`
    select n.nspname || '.' || p.proname || '(' || pg_get_function_arguments(p.oid) || ') → '
      || pg_get_function_result(p.oid) as name
    from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
    where n.nspname in ('net', 'vault')`;
    const found = new Set(rows.map(({ name }) => name));
    assertEquals(FUNCTIONS.filter((name) => !found.has(name)), [], [...found].join("\n"));
    // The stand-ins' own helpers are marked; nobody takes them for part of the platform.
    const known = new Set(FUNCTIONS);
    const foreign = [...found].filter((name) => !known.has(name) && !/^(net|vault)\._/.test(name));
    assertEquals(foreign, []);
  },
);

databaseTest(
  "pg_net and Vault have the tables and columns of the real ones, and no others",
  async () => {
    const rows = await shared.sql<{ relation: string; columns: string[] }[]>`
    select n.nspname || '.' || c.relname || ' ' || c.relpersistence::text as relation,
      jsonb_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
        || case when a.attnotnull then ' not null' else '' end order by a.attnum) as columns
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where n.nspname in ('net', 'vault') and c.relkind in ('r', 'v')
    group by 1`;
    assertEquals(
      Object.fromEntries(rows.map(({ relation, columns }) => [relation, columns])),
      COLUMNS,
    );
  },
);

databaseTest("pg_net has the types of the real one", async () => {
  const rows = await shared.sql<{ type: string }[]>`
    select t.oid::regtype || ': ' || case t.typtype
      when 'd' then format_type(t.typbasetype, null)
      when 'e' then (
        select string_agg(e.enumlabel, ', ' order by e.enumsortorder)
        from pg_enum as e where e.enumtypid = t.oid)
      else (
        select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
        from pg_attribute as a where a.attrelid = t.typrelid)
      end as type
    from pg_type as t
    left join pg_class as c on c.oid = t.typrelid
    where t.typnamespace = 'net'::regnamespace
      and (t.typtype in ('d', 'e') or (t.typtype = 'c' and c.relkind = 'c'))
    order by 1`;
  assertEquals(rows.map(({ type }) => type).toSorted(), TYPES);
});

import { assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import type postgres from "postgres";
import { expiredSessions } from "./support/sessions.ts";
import { lockTables, undone } from "./support/superuser.ts";
import { integrationTest, type World } from "./support/world.ts";

/** What a retry job does while the platform is ill: a run that says why nobody was called, and the rest of its work. */
async function retried(tx: postgres.TransactionSql): Promise<string> {
  await tx`
    update acontext_sessions.restamp_state
    set after_id = '00000000-0000-0000-0000-000000000000' where only_row`;
  await tx`select acontext_sessions.dispatch_sweep('retry', true, false)`;
  await tx`select acontext_sessions.dispatch_reconcile('schedule')`;
  const [row] = await tx<{ run: string; restamped: boolean }[]>`
    select
      (select string_agg(concat_ws(' ', r.task, r.status, r.stop_reason, r.errors -> 0 ->> 'error'), ', ')
        from acontext_sessions.runs as r) as run,
      (select t.after_id is null from acontext_sessions.restamp_state as t) as restamped`;
  assertEquals(row?.restamped, true);
  return row?.run ?? "no run";
}

const bothFinished = (why: string) => `sweep finished ${why}, reconcile finished ${why}`;

async function factsOf(tx: postgres.TransactionSql) {
  await tx`set local role service_role`;
  const [row] = await tx<{ facts: Record<string, unknown> }[]>`
    select public.acontext_session_health(5) as facts`;
  await tx`set local role postgres`;
  return row?.facts ?? {};
}

async function refusal(tx: postgres.TransactionSql, statement: string): Promise<string> {
  return await tx.savepoint((inner) => inner.unsafe(statement)).then(
    () => "no error",
    (error) => error.message,
  );
}

const ill = (
  name: string,
  statements: string,
  test: (tx: postgres.TransactionSql, world: World) => Promise<void>,
) =>
  integrationTest(`the schedule goes on ${name}`, async (world) => {
    await expiredSessions(world, 1);
    await undone(world, statements, (tx) => test(tx, world));
  });

const store = "select public.acontext_set_vault_secrets('https://xyz.supabase.co', 'sb_secret_x')";

ill("without Vault", "drop extension supabase_vault cascade", async (tx) => {
  assertEquals(await retried(tx), bothFinished("not_configured vault_off"));
  assertEquals((await factsOf(tx))["vault"], {
    state: "off",
    projectUrl: null,
    secretKey: false,
    unusable: [],
  });
  assertEquals(await refusal(tx, store), "Cannot store the secrets: Vault is switched off");
});

ill(
  "while Vault cannot decrypt",
  `update vault.secrets set secret = encode(decode(secret, 'base64') || '\\x00', 'base64')`,
  async (tx) => {
    assertStringIncludes(
      await refusal(tx, "select decrypted_secret from vault.decrypted_secrets"),
      "invalid ciphertext",
    );
    assertEquals(await retried(tx), bothFinished("not_configured vault_unreadable"));
    assertEquals((await factsOf(tx))["vault"], {
      state: "unreadable",
      projectUrl: null,
      secretKey: false,
      unusable: [],
    });
  },
);

ill(
  "while Vault cannot decrypt the key alone",
  `select vault.create_secret('sb_secret_x', 'acontext_sessions_secret_key');
  update vault.secrets set secret = encode(decode(secret, 'base64') || '\\x00', 'base64')
  where name = 'acontext_sessions_secret_key'`,
  async (tx, { info }) => {
    assertEquals(await retried(tx), "sweep requested, reconcile requested");
    assertEquals((await factsOf(tx))["vault"], {
      state: "ok",
      projectUrl: info.apiUrl,
      secretKey: false,
      unusable: ["acontext_sessions_secret_key"],
    });
  },
);

ill("without pg_net", "drop extension pg_net cascade", async (tx) => {
  assertEquals(await retried(tx), bothFinished("not_delivered pg_net_off"));
  const { net, runs } = await factsOf(tx);
  assertEquals(net, { state: "off", waiting: 0, unlimited: 0 });
  assertEquals(Object(runs).lastCall, null, "no call is to blame");
  const [row] = await tx.unsafe(`${store} ->> 'called' as called`);
  assertEquals(row?.["called"], "false");
});

ill(
  "when pg_net refuses a call",
  `create function public.app_refuses() returns trigger language plpgsql
  as $$ begin raise exception 'Malformed input'; end; $$;
  create trigger app_refuses before insert on net.http_request_queue
    for each row execute function public.app_refuses()`,
  async (tx) => {
    assertEquals(await retried(tx), bothFinished("not_delivered pg_net_P0001"));
    const { runs } = await factsOf(tx);
    assertEquals(Object(runs).lastCall.problem, "pg_net_P0001");
  },
);

ill("without pg_cron", "drop extension pg_cron cascade", async (tx) => {
  assertEquals(await retried(tx), "sweep requested, reconcile requested");
  const { cron, jobs } = await factsOf(tx);
  assertEquals([cron, jobs], ["off", []]);
  assertEquals(
    await refusal(tx, "select public.acontext_configure_cleanup('{}')"),
    "Cannot change settings: pg_cron is switched off; switch it on in the SQL editor: create extension pg_cron with schema pg_catalog",
  );
  await tx`select acontext_sessions.purge_history()`;
});

/** As `drop extension` does while it waits for whoever is at work: everybody after it waits for it. */
const locked = (
  name: string,
  tables: string[],
  test: (tx: postgres.TransactionSql) => Promise<void>,
) =>
  integrationTest(`the schedule goes on while ${name} is locked`, async (world) => {
    await expiredSessions(world, 1);
    // Whose answer has to be looked for.
    await world.database.sql`
      with run as (
        insert into acontext_sessions.runs (id, task, trigger, status, requested_at, request_id)
        values (
          gen_random_uuid(), 'sweep', 'retry', 'requested',
          acontext_sessions.clock() - interval '10 minutes', 1000000
        )
        returning id, request_id
      )
      insert into acontext_sessions.calls (run_id, request_id, answers_oid)
      select run.id, run.request_id, 'net._http_response'::regclass from run`;
    const lock = await lockTables(world, tables);
    try {
      // The time that the API gives to a statement.
      await undone(world, "set local statement_timeout = '8s'", test);
    } finally {
      await lock.release();
    }
  });

locked("Vault", ["vault.secrets"], async (tx) => {
  assertStringIncludes(await retried(tx), "sweep finished not_configured vault_unreadable");
  assertEquals(Object((await factsOf(tx))["vault"]).state, "unreadable");
});

locked("pg_net", ["net.http_request_queue", "net._http_response"], async (tx) => {
  assertStringIncludes(await retried(tx), "sweep finished not_delivered pg_net_55P03");
  assertEquals(Object((await factsOf(tx))["net"]).state, "unreadable");
});

locked("pg_cron", ["cron.job", "cron.job_run_details"], async (tx) => {
  assertStringIncludes(await retried(tx), "reconcile requested");
  assertEquals((await factsOf(tx))["cron"], "unreadable");
});

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert/mod.js";
import { ROOT } from "../../local/paths.ts";
import { runOps } from "../../ops/ops.ts";
import { HEALTH_REASONS } from "../../supabase/functions/_acontext_sessions/core/health/reasons.ts";
import { eventually } from "../support/eventually.ts";
import { expiredSessions, orphanSession, stuckSession } from "./support/sessions.ts";
import { behindGateway } from "./support/gateway.ts";
import { readSecrets, withKey, withoutSecret, withSecret } from "./support/vault.ts";
import { integrationTest, type World } from "./support/world.ts";

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command line of `npm run ops` against the test's stack. */
function ops({ info }: World, ...argv: string[]): Promise<Ended> {
  return opsAt({ url: info.apiUrl, secretKey: info.secretKey }, ...argv);
}

async function opsAt(
  { url, secretKey }: { url: string; secretKey: string },
  ...argv: string[]
): Promise<Ended> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const code = await runOps(argv, {
    env: { SUPABASE_URL: url, SUPABASE_SECRET_KEY: secretKey },
    stdout: (line) => stdout.push(line),
    stderr: (line) => stderr.push(line),
    pauseMs: 20,
  });
  return { code, stdout: stdout.join("\n"), stderr: stderr.join("\n") };
}

/** Commands that pages and remedies show: each its changes of settings. */
async function shownSettings(): Promise<string[][]> {
  const pages = ["docs/operations.md", "docs/configuration.md"]
    .map((path) => Deno.readTextFile(`${ROOT}/${path}`));
  const texts = [
    ...await Promise.all(pages),
    ...Object.values(HEALTH_REASONS).map(({ remedy }) => remedy),
  ];
  return texts.flatMap((text) =>
    [...text.matchAll(/ops -- settings set((?:\s+\w+=(?:'[^']*'|\w+))+)/g)]
      .map(([, changes = ""]) => changes.match(/\w+=(?:'[^']*'|\w+)/g) ?? [])
      .map((changes) => changes.map((change) => change.replaceAll("'", "")))
  );
}

integrationTest("ops health exits with the status and shows each remedy", async (world) => {
  const failing = await ops(world, "health");
  assertEquals(failing.code, 2, "the tests have switched the jobs off");
  assertMatch(failing.stdout, /^status failing, namespace local$/m);
  assertMatch(
    failing.stdout,
    /^failing: job_missing\n {2}.+\n {2}→ .+npm run ops -- settings set/m,
  );
  assertEquals((await ops(world, "settings", "set")).code, 0);
  const well = await ops(world, "health", "--json");
  assertEquals([well.code, JSON.parse(well.stdout).status], [0, "ok"]);
  await stuckSession(world);
  const degraded = await ops(world, "health");
  assertEquals(degraded.code, 1);
  assertMatch(degraded.stdout, /^deletions stuck +1 +–$/m);
  assertMatch(degraded.stdout, /^deletes repeated in 7 days +\d+ +–$/m);
  await world.database.makeDue();
  await world.swept();
});

integrationTest("ops sweep drains what is due in as many runs as it takes", async (world) => {
  await world.database.configure({ max_per_run: 2 });
  await world.database.silenceJobs();
  await expiredSessions(world, 5);
  const preview = await ops(world, "sweep", "--dry-run");
  assertEquals([preview.code, preview.stdout], [0, "5 would be deleted"]);
  const { code, stdout, stderr } = await ops(world, "sweep");
  assertEquals([code, stdout], [0, "5 deleted, 0 failed, ended with empty"]);
  assertMatch(stderr, /^run 1: 2 deleted, 0 failed, limit\nrun 2: .+\nrun 3: 1 deleted/);
  assertEquals(await world.database.rowCount(), 0);
  const runs = await ops(world, "runs", "--limit", "2");
  assertEquals(runs.stdout.split("\n").length, 3);
  assertMatch(runs.stdout, /manual +empty/);
  assertEquals(JSON.parse((await ops(world, "runs", "--json")).stdout).length, 3);
});

integrationTest("ops refuses what a command does not take, and does nothing", async (world) => {
  await world.database.silenceJobs();
  await expiredSessions(world, 1);
  for (
    const [argv, refusal] of [
      [["sweep", "--limit", "5"], "it has no option --limit"],
      [["sweep", "dry-run"], 'it takes no "dry-run"'],
      [["runs", "--dry-run"], "it has no option --dry-run"],
    ] as const
  ) {
    const { code, stdout, stderr } = await ops(world, ...argv);
    assertEquals([code, stdout], [3, ""]);
    assertStringIncludes(stderr, refusal);
  }
  assertEquals(await world.database.rowCount(), 1);
});

integrationTest("ops sweep says what stands in the way", async (world) => {
  await world.database.configure({ max_expiry_minimum: 2 });
  await expiredSessions(world, 3);
  const held = await ops(world, "sweep");
  assertEquals(held.code, 1);
  assertStringIncludes(held.stdout, "npm run ops -- sweep --dry-run --force");
  assertEquals((await ops(world, "sweep", "--force")).code, 0);
  assertEquals(await world.database.rowCount(), 0);
  await ops(world, "settings", "set", "cleanup_enabled=false");
  const disabled = await ops(world, "sweep");
  assertEquals(disabled.code, 1);
  assertStringIncludes(disabled.stdout, "settings set cleanup_enabled=true");
});

integrationTest("ops runs shows a call that reached nobody, why, and what to do", async (world) => {
  const { sql } = world.database;
  await expiredSessions(world, 1);
  const nobody = "http://127.0.0.1:1";
  await withSecret(world, ["acontext_sessions_project_url", nobody], async () => {
    await sql`select acontext_sessions.dispatch_sweep('schedule', true, false)`;
    await eventually("pg_net has the answer", async () => {
      const rows = await sql`select 1 from net._http_response where status_code is null`;
      return rows.length > 0;
    });
  });
  await sql`select acontext_sessions.dispatch_sweep('retry', true, false)`;
  await eventually("another run took its place", async () => await world.database.rowCount() === 0);
  const { stdout } = await ops(world, "runs");
  assertMatch(stdout, /sweep +schedule +not_delivered +.*unreachable/);
  assertMatch(stdout, /^not_delivered: .+npm run ops -- rotate-secret/m);
});

integrationTest("ops stuck and ops retry bring a stuck deletion to its end", async (world) => {
  assertEquals((await ops(world, "stuck")).stdout, "Nothing is stuck");
  const id = await stuckSession(world);
  const { code, stdout } = await ops(world, "stuck");
  assertEquals(code, 1);
  assertMatch(stdout, new RegExp(`${id} +requested +10 +disk: http_500 +disk`));
  assertMatch((await ops(world, "retry", id)).stdout, /^Due now/);
  assertEquals((await ops(world, "sweep")).stdout, "1 deleted, 0 failed, ended with empty");
  const gone = await ops(world, "retry", id);
  assertEquals(gone.code, 1);
  assertMatch(gone.stdout, /^No deletion has this id/);
});

integrationTest(
  "ops stuck shows what is set aside, and ops sweep tries it again",
  async (world) => {
    const [poison] = await expiredSessions(world, 1);
    await world.database.sql.unsafe(`
    create function public.app_refuses() returns trigger language plpgsql
    as $$ begin raise exception 'not this one'; end $$;
    create trigger app_refuses before update on public.session_mappings
      for each row execute function public.app_refuses()`);
    assertEquals((await ops(world, "sweep")).stdout, "0 deleted, 0 failed, ended with empty");
    const { code, stdout } = await ops(world, "stuck");
    assertEquals(code, 1);
    assertMatch(stdout, new RegExp(`${poison?.id} +expiry +1 +P0001`));
    await world.database.sql.unsafe(`drop function public.app_refuses() cascade`);
    assertEquals((await ops(world, "sweep")).stdout, "1 deleted, 0 failed, ended with empty");
    assertEquals((await ops(world, "stuck")).stdout, "Nothing is stuck");
  },
);

integrationTest("ops reconcile shows and queues what no session knows", async (world) => {
  const id = await orphanSession(world);
  await world.remote.control.age(7_200);
  const preview = await ops(world, "reconcile", "--dry-run");
  assertEquals(preview.code, 1);
  assertStringIncludes(preview.stdout, id);
  const { code, stdout } = await ops(world, "reconcile");
  assertEquals(code, 0);
  assertStringIncludes(stdout, "1 unknown, ended with complete");
  await ops(world, "sweep");
  assertEquals((await ops(world, "reconcile", "--dry-run")).code, 0);
});

integrationTest("ops settings shows, changes and remembers", async (world) => {
  const { code, stdout } = await ops(
    world,
    "settings",
    "set",
    "session_ttl=14 days",
    "max_workers=2",
    "max_sessions_per_user=null",
    "cleanup_schedule=0 3 * * *",
  );
  assertEquals(code, 0);
  assertMatch(stdout, /^session_ttl +14 days$/m);
  const got = await ops(world, "settings");
  assertMatch(got.stdout, /^cleanup_schedule +0 3 \* \* \*$/m);
  assertMatch(got.stdout, /service_role +.*"max_workers":4.* +.*"max_workers":2/);
  const refused = await ops(world, "settings", "set", "max_workers=0");
  assertEquals(refused.code, 3);
  assertStringIncludes(refused.stderr, "max_workers_in_range");
  assertEquals((await ops(world, "settings", "set", "max_workers")).code, 3);
});

integrationTest("ops settings takes every change that a page or a remedy shows", async (world) => {
  const shown = await shownSettings();
  assert(shown.length > 4);
  for (const changes of shown) {
    const { code, stderr } = await ops(world, "settings", "set", ...changes);
    assertEquals([changes, code, stderr], [changes, 0, ""]);
  }
});

integrationTest(
  "ops erase-user leaves nothing of a user, and everything of others",
  async (world) => {
    const [user, other] = [await world.newUser(), await world.newUser()];
    await world.createdMany(user, 3);
    const kept = await world.created(other);
    const preview = await ops(world, "erase-user", user.id, "--dry-run");
    assertStringIncludes(preview.stdout, "3 sessions would go");
    assertEquals(await world.database.rowCount(), 4);
    const { code, stdout } = await ops(world, "erase-user", user.id);
    assertEquals(code, 0, stdout);
    assertMatch(stdout, /^Nothing of this user is left/);
    const audit = await world.remote.audit();
    assertEquals(audit.sessions.map(({ id }) => id), [kept.id]);
    const [account] = await world.database.sql`select 1 from auth.users where id = ${user.id}`;
    assertEquals(account, undefined);
    assertEquals((await ops(world, "erase-user", user.id)).code, 0, "may be repeated");
  },
);

integrationTest("ops erase-user says what is left when Acontext is down", async (world) => {
  const user = await world.newUser();
  await world.created(user);
  await world.remote.withFaults([{ route: "*", fault: { kind: "outage" } }], async () => {
    const { code, stdout } = await ops(world, "erase-user", user.id, "--json");
    assertEquals(code, 1);
    const { erased, queued } = JSON.parse(stdout);
    assertEquals([erased, queued], [false, 1]);
  });
  await world.database.makeDue();
  assertEquals((await ops(world, "erase-user", user.id)).code, 0);
});

integrationTest(
  "ops rotate-secret stores the URL, takes out the key and tries it",
  async (world) => {
    const { apiUrl, secretKey } = world.info;
    await withSecret(
      world,
      ["acontext_sessions_project_url", "https://elsewhere.supabase.co"],
      async () => {
        await withKey(world, "sb_secret_old", async () => {
          const { code, stdout, stderr } = await ops(world, "rotate-secret");
          assertEquals(code, 0, stderr);
          assertStringIncludes(
            stdout,
            `The database calls ${apiUrl} without a key, and is answered`,
          );
          assertEquals(`${stdout}${stderr}`.includes(secretKey), false);
          assertEquals(await readSecrets(world), { acontext_sessions_project_url: apiUrl });
        });
      },
    );
    const [run] = await eventually("the run that was called has ended", async () => {
      const runs = await world.database.runs();
      return runs.length > 0 && runs.every(({ status }) => status === "finished") && runs;
    });
    assertEquals([run?.trigger, run?.stop_reason], ["manual", "empty"]);
  },
);

integrationTest("ops rotate-secret sets up a project that has nothing in Vault", async (world) => {
  await withoutSecret(world, "acontext_sessions_project_url", async () => {
    const { code, stdout } = await ops(world, "rotate-secret", "--json");
    assertEquals([code, JSON.parse(stdout)], [0, {
      projectUrl: world.info.apiUrl,
      works: true,
      problem: null,
    }]);
    // The one that was hidden comes back.
    await world.database.sql`
      delete from vault.secrets where name = 'acontext_sessions_project_url'`;
  });
});

integrationTest("ops rotate-secret leaves functions of before their key", async (world) => {
  const { secretKey } = world.info;
  const answer = () => Response.json({ status: "ok", vault: {} });
  await withKey(
    world,
    secretKey,
    () =>
      behindGateway(world, { path: "/functions/v1/session-health", answer }, async (url) => {
        const before = await readSecrets(world);
        const { code, stderr } = await opsAt({ url, secretKey }, "rotate-secret");
        assertEquals(code, 3);
        assertStringIncludes(stderr, "of an earlier version");
        assertEquals(await readSecrets(world), before);
      }),
  );
});

integrationTest("ops rotate-secret says when the call does not arrive", async (world) => {
  const { secretKey } = world.info;
  const answer = () => new Response(null, { status: 503 });
  const path = "/functions/v1/cleanup-sessions";
  await behindGateway(world, { path, answer }, async (url) => {
    const { code, stdout, stderr } = await opsAt({ url, secretKey }, "rotate-secret");
    assertEquals(code, 1, stderr);
    assertStringIncludes(stdout, "The URL is stored, but the call ended with http_503\n→ ");
    assertEquals((await readSecrets(world))["acontext_sessions_project_url"], url);
  });
  assertEquals((await ops(world, "rotate-secret")).code, 0, "may be repeated");
});

integrationTest("ops rotate-secret keeps what Vault has when the key is refused", async (world) => {
  const { apiUrl: url, publishableKey } = world.info;
  const before = await readSecrets(world);
  for (const secretKey of [publishableKey, "sb_secret_wrong"]) {
    const { code, stderr } = await opsAt({ url, secretKey }, "rotate-secret");
    assertEquals(code, 3);
    assertStringIncludes(stderr, "the functions refuse it");
    assertEquals(await readSecrets(world), before);
  }
});

integrationTest("ops exits with 3 when it cannot ask", async (world) => {
  const run = async (argv: string[], env: Record<string, string>) => {
    const lines: string[] = [];
    const print = (line: string) => lines.push(line);
    return {
      code: await runOps(argv, { env, stdout: print, stderr: print }),
      text: lines.join("\n"),
    };
  };
  const { apiUrl: SUPABASE_URL } = world.info;
  const env = { SUPABASE_URL, SUPABASE_SECRET_KEY: world.info.secretKey };
  const cases: [string[], Record<string, string>, RegExp][] = [
    [["health"], { SUPABASE_URL }, /"SUPABASE_SECRET_KEY" is missing/],
    [["health"], { SUPABASE_URL, SUPABASE_SECRET_KEY: "sb_secret_wrong" }, /401/],
    [["runs"], { SUPABASE_URL, SUPABASE_SECRET_KEY: "sb_secret_wrong" }, /401/],
    [["runs"], { ...env, SUPABASE_URL: "http://127.0.0.1:1" }, /no answer/],
    [["runs"], { ...env, SUPABASE_URL: "http://example.com" }, /https/],
    [["runs"], { ...env, SUPABASE_URL: "ftp://127.0.0.1" }, /https/],
    [["runs"], { ...env, SUPABASE_URL: "127.0.0.1:54321" }, /https|not a URL/],
    [["runs"], { ...env, SUPABASE_URL: "https://a:b@example.com" }, /more than an address/],
    [["dance"], env, /the commands are health, runs/],
    [["runs", "--loud"], env, /--loud/],
    [["runs", "--limit", "0"], env, /1 to 1000/],
    [["retry", "x"], env, /a UUID/],
    [[], env, /npm run ops -- <command>/],
  ];
  for (const [argv, given, expected] of cases) {
    const { code, text } = await run(argv, given);
    assertEquals(code, 3, text);
    assertMatch(text, expected);
    assert(!text.includes(world.info.secretKey));
  }
});

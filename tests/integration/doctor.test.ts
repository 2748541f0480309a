import { assertEquals, assertStringIncludes } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { ROOT } from "../../local/paths.ts";
import { createApi } from "../../ops/api.ts";
import { jobs } from "../../ops/doctor/database_checks.ts";
import { diagnose, type Diagnosis } from "../../ops/doctor/diagnose.ts";
import { runDoctor } from "../../ops/doctor.ts";
import { HEALTH_REASONS } from "../../supabase/functions/_acontext_sessions/core/health/reasons.ts";
import { misconfigured } from "../../supabase/functions/_acontext_sessions/runtime/env.ts";
import { toErrorResponse } from "../../supabase/functions/_acontext_sessions/http/answer.ts";
import { healthyFacts } from "../unit/core/health/fixtures.ts";
import { behindGateway } from "./support/gateway.ts";
import { asSuperuser, lockTables } from "./support/superuser.ts";
import { withKey, withoutSecret, withSecret } from "./support/vault.ts";
import { integrationTest, type World } from "./support/world.ts";

const ALL = [
  "CLI linked",
  "migrations applied",
  "extensions on",
  "Vault set",
  "cron jobs active",
  "functions answer",
  "secrets present",
  "users let in",
  "key accepted by Acontext",
  "healthy",
];

interface Options {
  /** Seen as a hosted project, so that the commands are those of one. */
  hosted?: boolean;
  projectDir?: string;
  url?: string;
  secretKey?: string;
  userToken?: string;
}

function examine({ info }: World, options: Options = {}): Promise<Diagnosis> {
  const { hosted = false, url = info.apiUrl, secretKey = info.secretKey } = options;
  const { projectDir = ROOT, userToken = null } = options;
  return diagnose({ url, secretKey, local: !hosted }, { projectDir, userToken });
}

/** The check that is red, and what the doctor says to do. */
function verdict({ checks, next }: Diagnosis): [name: string | undefined, next: string | null] {
  const red = checks.findIndex(({ finding }) => finding?.ok === false);
  assertEquals(checks.slice(0, red).every(({ finding }) => finding?.ok === true), true);
  assertEquals(checks.slice(red + 1).every(({ finding }) => finding === null), true);
  return [checks[red]?.name, next];
}

/** A folder like the project's, with what `change` does to it. */
async function withProject(
  change: (folder: string) => Promise<void>,
  use: (projectDir: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "acontext-sessions-doctor-" });
  try {
    for (const part of ["migrations", "functions"]) {
      await Deno.mkdir(join(folder, "supabase", part), { recursive: true });
      for await (const { name, isDirectory } of Deno.readDir(join(ROOT, "supabase", part))) {
        const path = join("supabase", part, name);
        if (part === "migrations") await Deno.writeTextFile(join(folder, path), "");
        else if (isDirectory && !name.startsWith("_")) {
          await Deno.mkdir(join(folder, path));
          await Deno.writeTextFile(join(folder, path, "index.ts"), "");
        }
      }
    }
    await link(folder, "abcdefghijklmnopqrst");
    await change(folder);
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function link(folder: string, ref: string): Promise<void> {
  await Deno.mkdir(join(folder, "supabase", ".temp"), { recursive: true });
  await Deno.writeTextFile(join(folder, "supabase", ".temp", "project-ref"), ref);
}

const unchanged = () => Promise.resolve();

integrationTest("the doctor finds the local stack well", async (world) => {
  await world.database.quietSchedule();
  const lines: string[] = [];
  const code = await runDoctor({
    env: { SUPABASE_URL: world.info.apiUrl, SUPABASE_SECRET_KEY: world.info.secretKey },
    stdout: (line) => lines.push(line),
    stderr: () => {},
    json: false,
  });
  assertEquals(code, 0, lines.join("\n"));
  assertEquals(lines.filter((line) => line.startsWith("ok    ")).length, ALL.length - 1);
  assertEquals(lines.at(-1), "All is well");
});

integrationTest("the doctor finds a hosted project well", async (world) => {
  await world.database.quietSchedule();
  await withProject(unchanged, async (projectDir) => {
    const { healthy, checks } = await examine(world, { hosted: true, projectDir });
    assertEquals([healthy, checks.map(({ name }) => name)], [true, ALL]);
  });
});

Deno.test("the doctor asks to link the CLI, and to the right project", async () => {
  const target = {
    url: "https://abcdefghijklmnopqrst.supabase.co",
    secretKey: "sb_secret_x",
    local: false,
  };
  const next = "npx supabase link abcdefghijklmnopqrst";
  const unlinked = (folder: string) =>
    Deno.remove(join(folder, "supabase", ".temp", "project-ref"));
  const elsewhere = (folder: string) => link(folder, "zyxwvutsrqponmlkjihg");
  for (const change of [unlinked, elsewhere]) {
    await withProject(change, async (projectDir) => {
      assertEquals(verdict(await diagnose(target, { projectDir })), ["CLI linked", next]);
    });
  }
});

integrationTest(
  "the doctor asks for another secret key when the project refuses it",
  async (world) => {
    const secretKey = "sb_secret_wrong";
    assertEquals(verdict(await examine(world, { secretKey })), ["migrations applied", "npm start"]);
    await withProject(unchanged, async (projectDir) => {
      const [, next] = verdict(await examine(world, { secretKey, hosted: true, projectDir }));
      assertStringIncludes(next ?? "", "npx supabase projects api-keys --reveal");
    });
  },
);

integrationTest("the doctor asks to apply the migrations that are missing", async (world) => {
  // Whether behind all that are applied or, as from another branch, between them.
  for (const version of ["29990101000000", "20261127000000"]) {
    const another = (folder: string) =>
      Deno.writeTextFile(join(folder, "supabase", "migrations", `${version}_another.sql`), "");
    await withProject(another, async (projectDir) => {
      const diagnosis = await examine(world, { projectDir });
      assertEquals(verdict(diagnosis), ["migrations applied", "npm start"]);
      assertStringIncludes(JSON.stringify(diagnosis), version);
      assertEquals(
        verdict(await examine(world, { hosted: true, projectDir })),
        ["migrations applied", "npx supabase db push --remote --include-all"],
      );
    });
  }
  const unknown = { code: "PGRST202", message: "Could not find the function" };
  await behindGateway(world, {
    path: "/rest/v1/rpc/acontext_session_health",
    answer: () => Response.json(unknown, { status: 404 }),
  }, async (url) => {
    assertEquals(verdict(await examine(world, { url })), ["migrations applied", "npm start"]);
  });
});

integrationTest(
  "the doctor blames no migration for what health's function raises",
  async (world) => {
    const raised = { code: "P0001", message: "invalid ciphertext" };
    await behindGateway(world, {
      path: "/rest/v1/rpc/acontext_session_health",
      answer: () => Response.json(raised, { status: 400 }),
    }, async (url) => {
      const { checks } = await examine(world, { url });
      const problem = checks.flatMap(({ finding }) =>
        finding?.ok === false ? [finding.problem] : []
      );
      assertEquals(problem, [
        'Cannot call "/rest/v1/rpc/acontext_session_health": 400 invalid ciphertext',
      ]);
    });
  },
);

integrationTest("the doctor has the command for each thing that is ill", async (world) => {
  const { sql } = world.database;
  const rotate = () => sql`select public.acontext_set_vault_secrets(${world.info.apiUrl}, null)`;
  const cases = [
    {
      fault: "drop extension supabase_vault cascade",
      verdict: ["extensions on", "create extension supabase_vault with schema vault"],
      heal: async () => {
        await sql.unsafe("create extension supabase_vault with schema vault");
        await rotate();
      },
    },
    {
      fault: "drop extension pg_net cascade",
      verdict: ["extensions on", "create extension pg_net with schema extensions"],
      heal: () => sql.unsafe("create extension pg_net with schema extensions"),
    },
    {
      fault: "drop extension pg_cron cascade",
      verdict: ["extensions on", "create extension pg_cron with schema pg_catalog"],
      heal: async () => {
        await sql.unsafe("create extension pg_cron with schema pg_catalog");
        assertEquals(verdict(await examine(world)), [
          "cron jobs active",
          "npm run ops -- settings set",
        ]);
        await world.database.configure({});
      },
    },
    {
      fault:
        `update vault.secrets set secret = encode(decode(secret, 'base64') || '\\x00', 'base64')
        where name like 'acontext_sessions_%'`,
      verdict: ["Vault set", "npm run ops -- rotate-secret"],
      heal: rotate,
    },
    {
      fault: `update cron.job set schedule = '@reboot' where jobname = 'acontext-sessions-retry'`,
      verdict: ["cron jobs active", "npm run ops -- settings set retry_schedule='* * * * *'"],
      heal: () => world.database.configure({ retry_schedule: "* * * * *" }),
    },
  ];
  await world.database.quietSchedule();
  for (const { fault, verdict: expected, heal } of cases) {
    await asSuperuser(world, fault);
    try {
      const [check, next] = verdict(await examine(world));
      assertEquals([check, next], expected);
    } finally {
      await heal();
    }
    assertEquals((await examine(world)).healthy, true, fault);
  }
});

integrationTest("the doctor takes no extension for well that cannot be read", async (world) => {
  for (
    const [table, remedy] of [
      ["net._http_response", HEALTH_REASONS.pg_net_unreadable.remedy],
      ["cron.job", HEALTH_REASONS.pg_cron_unreadable.remedy],
    ] as const
  ) {
    const lock = await lockTables(world, [table]);
    try {
      assertEquals(verdict(await examine(world)), ["extensions on", remedy]);
    } finally {
      await lock.release();
    }
  }
});

Deno.test("the doctor takes no cron jobs for well that are not known", async () => {
  const target = { url: "http://127.0.0.1:1", secretKey: "sb_secret_x", local: true };
  const { ok } = await jobs.examine({
    target,
    api: createApi(target),
    projectDir: ROOT,
    userToken: null,
    facts: { ...healthyFacts(), jobs: [] },
  });
  assertEquals(ok, false);
});

integrationTest("the doctor asks to put into Vault what it lacks", async (world) => {
  await withoutSecret(world, "acontext_sessions_project_url", async () => {
    assertEquals(verdict(await examine(world)), ["Vault set", "npm start"]);
    await withProject(unchanged, async (projectDir) => {
      const [check, next] = verdict(await examine(world, { hosted: true, projectDir }));
      assertEquals([check, next], ["Vault set", "npm run ops -- rotate-secret"]);
    });
  });
});

integrationTest("the doctor says that a key in Vault is needed no longer", async (world) => {
  await world.database.quietSchedule();
  await withKey(world, world.info.secretKey, async () => {
    const { healthy, checks } = await examine(world);
    assertEquals(healthy, true);
    const { finding } = checks.find(({ name }) => name === "Vault set") ?? {};
    assertStringIncludes(finding?.ok === true ? finding.note : "", "is needed no longer");
  });
});

integrationTest("the doctor sees that Vault has another project's address", async (world) => {
  await withSecret(
    world,
    ["acontext_sessions_project_url", "https://elsewhere.supabase.co"],
    () =>
      withProject(unchanged, async (projectDir) => {
        const [check, next] = verdict(await examine(world, { hosted: true, projectDir }));
        assertEquals([check, next], ["Vault set", "npm run ops -- rotate-secret"]);
      }),
  );
});

integrationTest(
  "the doctor names a secret that cannot be used, and not its value",
  async (world) => {
    for (
      const [name, value] of [
        ["acontext_sessions_project_url", "env(ACONTEXT_SESSIONS_PROJECT_URL)"],
        ["acontext_sessions_project_url", "sb_secret_in_the_wrong_place"],
        ["acontext_sessions_secret_key", "env(ACONTEXT_SESSIONS_SECRET_KEY)"],
        ["acontext_sessions_secret_key", "sb_secret_one\nsb_secret_two"],
      ] as const
    ) {
      const withValue = (work: () => Promise<void>) =>
        name === "acontext_sessions_secret_key"
          ? withKey(world, value, work)
          : withSecret(world, [name, value], work);
      await withValue(async () => {
        const diagnosis = await examine(world);
        assertEquals(verdict(diagnosis), ["Vault set", "npm start"]);
        const text = JSON.stringify(diagnosis);
        assertStringIncludes(text, `${name} in Vault is no`);
        assertEquals(text.includes("sb_secret_"), false);
      });
    }
  },
);

integrationTest("the doctor asks to make cron jobs anew", async (world) => {
  const expected: [string, string] = ["cron jobs active", "npm run ops -- settings set"];
  assertEquals(verdict(await examine(world)), expected, "switched off");
  await world.database.quietSchedule();
  await world.database.sql`select cron.unschedule('acontext-sessions-retry')`;
  assertEquals(verdict(await examine(world)), expected, "missing");
});

integrationTest("the doctor asks to deploy a function that does not answer", async (world) => {
  await world.database.quietSchedule();
  const another = async (folder: string) => {
    await Deno.mkdir(join(folder, "supabase", "functions", "another-one"));
    await Deno.writeTextFile(join(folder, "supabase", "functions", "another-one", "index.ts"), "");
  };
  await withProject(another, async (projectDir) => {
    assertEquals(verdict(await examine(world, { projectDir })), ["functions answer", "npm start"]);
    assertEquals(
      verdict(await examine(world, { hosted: true, projectDir })),
      ["functions answer", "npm run deploy"],
    );
  });
});

integrationTest("the doctor asks for the secret that the functions lack", async (world) => {
  await world.database.quietSchedule();
  await behindGateway(world, {
    path: "/functions/v1/session-health",
    answer: () => toErrorResponse(misconfigured("ACONTEXT_API_KEY", "missing"), "r"),
  }, async (url) => {
    assertEquals(
      verdict(await examine(world, { url })),
      ["secrets present", "ACONTEXT_API_KEY=sk-ac-… npm start"],
    );
    await withProject(unchanged, async (projectDir) => {
      assertEquals(
        verdict(await examine(world, { url, hosted: true, projectDir })),
        ["secrets present", "npx supabase secrets set ACONTEXT_API_KEY=sk-ac-…"],
      );
    });
  });
});

/** The finding of the check that tries a user's token. */
function ofUsers({ checks }: Diagnosis): Diagnosis["checks"][number]["finding"] {
  return checks.find(({ name }) => name === "users let in")?.finding ?? null;
}

integrationTest(
  "the doctor leaves no user behind that it tried the functions with",
  async (world) => {
    await world.database.quietSchedule();
    const count = async () =>
      Number((await world.database.sql`select count(*) from auth.users`)[0]?.["count"]);
    const before = await count();
    assertEquals(ofUsers(await examine(world))?.ok, true);
    assertEquals(await count(), before);
  },
);

integrationTest(
  "the doctor names a platform that refuses users before a function sees them",
  async (world) => {
    await world.database.quietSchedule();
    const code = "UNAUTHORIZED_UNSUPPORTED_TOKEN_ALGORITHM";
    await behindGateway(world, {
      path: "/functions/v1/create-session",
      answer: () =>
        Response.json({ code, message: "Unsupported JWT algorithm ES256" }, { status: 401 }),
    }, async (url) => {
      const diagnosis = await examine(world, { url });
      assertEquals(verdict(diagnosis), ["users let in", "npm start"]);
      assertStringIncludes(JSON.stringify(ofUsers(diagnosis)), code);
      assertStringIncludes(JSON.stringify(ofUsers(diagnosis)), "create-session");
      await withProject(unchanged, async (projectDir) => {
        assertEquals(
          verdict(await examine(world, { url, hosted: true, projectDir })),
          ["users let in", "npm run deploy -- --functions-only"],
        );
      });
    });
  },
);

integrationTest(
  "the doctor says what was not tried where there are no anonymous users",
  async (world) => {
    await world.database.quietSchedule();
    for (
      const [status, body, reason] of [
        // As Auth answers without and with a version of its API.
        [422, { code: 422, error_code: "anonymous_provider_disabled", msg: "…" }, "anonymous"],
        [422, { code: "anonymous_provider_disabled", message: "…" }, "anonymous"],
        [422, { code: 422, error_code: "signup_disabled", msg: "…" }, "sign-ups are disabled"],
        [400, { code: 400, error_code: "captcha_failed", msg: "…" }, "captcha"],
        [429, { code: 429, error_code: "over_request_rate_limit", msg: "…" }, "hour"],
      ] as const
    ) {
      await behindGateway(world, {
        path: "/auth/v1/signup",
        answer: () => Response.json(body, { status }),
      }, async (url) => {
        const diagnosis = await examine(world, { url });
        const finding = ofUsers(diagnosis);
        assertEquals([diagnosis.healthy, diagnosis.next, finding?.ok], [true, null, null]);
        assertStringIncludes(JSON.stringify(finding), reason);
        assertStringIncludes(JSON.stringify(finding), "SUPABASE_USER_TOKEN");

        const { token } = await world.newUser();
        assertEquals(ofUsers(await examine(world, { url, userToken: token }))?.ok, true);
      });
    }
  },
);

integrationTest(
  "the doctor prints what was not tried, and that the rest is well",
  async (world) => {
    await world.database.quietSchedule();
    await behindGateway(world, {
      path: "/auth/v1/signup",
      answer: () =>
        Response.json({ error_code: "anonymous_provider_disabled", msg: "…" }, { status: 422 }),
    }, async (url) => {
      const lines: string[] = [];
      const code = await runDoctor({
        env: { SUPABASE_URL: url, SUPABASE_SECRET_KEY: world.info.secretKey },
        stdout: (line) => lines.push(line),
        stderr: () => {},
        json: false,
      });
      const [line = ""] = lines.filter((line) => line.startsWith("?     users let in: "));
      assertStringIncludes(line, "anonymous sign-ins are disabled");
      assertStringIncludes(line, "Authentication, Sign In / Providers");
      assertEquals([code, lines.at(-1)], [0, "All is well, as far as it was tried"]);
    });
  },
);

integrationTest("the doctor says why a token that it was given is refused", async (world) => {
  await world.database.quietSchedule();
  const user = await world.newUser();
  const past = Math.floor(Date.now() / 1000) - 60;
  const another = "export SUPABASE_USER_TOKEN=<access token>";
  const cases: [token: string, problem: string, next: string][] = [
    [
      await world.tokens.signed(user, { exp: past }),
      "has expired",
      another,
    ],
    [await world.tokens.symmetric(user), "HS256", "in the dashboard, JWT Keys"],
    [
      await world.tokens.signed(user, { iss: "https://chat.example.com/auth/v1" }),
      "https://chat.example.com/auth/v1",
      "npx supabase secrets set PROJECT_PUBLIC_URL=https://chat.example.com",
    ],
    [await world.tokens.signed(user, { role: "anon" }), "403 forbidden", another],
    ["garbage", "401 unauthorized", another],
  ];
  await withProject(unchanged, async (projectDir) => {
    for (const [userToken, problem, wanted] of cases) {
      const diagnosis = await examine(world, { hosted: true, projectDir, userToken });
      const [check, next] = verdict(diagnosis);
      assertEquals(check, "users let in");
      assertStringIncludes(next ?? "", wanted);
      assertStringIncludes(JSON.stringify(ofUsers(diagnosis)), problem);
      assertEquals(JSON.stringify(diagnosis).includes(userToken), false);
    }
  });
});

integrationTest("the doctor asks for another key when Acontext refuses it", async (world) => {
  await world.database.quietSchedule();
  await world.remote.withFaults(
    [{ route: "*", fault: { kind: "status", status: 401 } }],
    () =>
      withProject(unchanged, async (projectDir) => {
        assertEquals(
          verdict(await examine(world, { hosted: true, projectDir })),
          ["key accepted by Acontext", "npx supabase secrets set ACONTEXT_API_KEY=sk-ac-…"],
        );
      }),
  );
});

integrationTest("the doctor passes on what health says", async (world) => {
  await world.database.quietSchedule();
  await world.database.configure({ cleanup_enabled: false });
  assertEquals(
    verdict(await examine(world)),
    ["healthy", HEALTH_REASONS.cleanup_disabled.remedy],
  );
});

Deno.test("the doctor says how to name a project when it knows none", async () => {
  const lines: string[] = [];
  const code = await runDoctor({
    env: { SUPABASE_URL: "https://abcdefghijklmnopqrst.supabase.co" },
    stdout: () => {},
    stderr: (line) => lines.push(line),
    json: false,
  });
  assertEquals([code, lines], [3, [
    'Cannot choose the project: "SUPABASE_SECRET_KEY" is missing',
  ]]);
});

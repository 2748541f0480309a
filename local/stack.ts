/**
 * The local stack: the whole project on one machine, every part of it real that can be.
 *
 * ```ts
 * const stack = await startStack({ dataDir: await Deno.makeTempDir(), ports: "free" });
 * const supabase = createClient(stack.apiUrl, stack.publishableKey);
 * await stack.stop();
 * ```
 *
 * @module
 */

import { join, resolve } from "@std/path/mod.js";
import type { JSONWebKeySet, JWTPayload } from "jose";
import { startAcontext } from "./acontext_process.ts";
import { createAuthService } from "./auth/service.ts";
import { startCronWorker } from "./cron_worker.ts";
import { functionEnvironment, hostAndPort, readEnvFile } from "./functions/environment.ts";
import { serveFunctions } from "./functions/serve_all.ts";
import { untilAllAnswer } from "./functions/until_ready.ts";
import { startGateway } from "./gateway/server.ts";
import { removeIfExists } from "./json_file.ts";
import { loadKeys } from "./keys.ts";
import { applyMigrations } from "./migrations.ts";
import { startNetWorker } from "./net_worker.ts";
import { ROOT } from "./paths.ts";
import { freePort, isFree, takenMessage } from "./ports.ts";
import { bootstrap, databaseUrl } from "./postgres/bootstrap.ts";
import { connect } from "./postgres/connect.ts";
import { debianRuntime, embeddedRuntime } from "./postgres/runtime.ts";
import { removeCluster, startPostgres } from "./postgres/server.ts";
import { startPostgrest } from "./postgrest.ts";
import { readProjectConfig } from "./project_config.ts";
import { takeDataDir } from "./run_lock.ts";
import { findRefusedStatements } from "./safeupdate.ts";
import { createShutdown } from "./shutdown.ts";
import { seedVault } from "./vault_secrets.ts";

/** How to start a stack. */
export interface StackOptions {
  /** The folder with `supabase/`. Default: this project. */
  projectDir?: string;
  /** The folder with the `supabase/` whose functions are served, if not the project's own: what `buildFunctions` made. */
  functionsDir?: string;
  /** Where keys, data and logs are kept. One running stack per folder. */
  dataDir: string;
  /** `default`: gateway 54321, PostgreSQL 54322, Acontext stand-in 54323. */
  ports: "default" | "free";
  /** `debian`: PostgreSQL 15 with the real pg_cron, from /usr/lib/postgresql/15. Default: `embedded`. */
  postgres?: "embedded" | "debian";
  /** Forget what is in `dataDir`. */
  reset?: boolean;
  /** Further environment of the functions. */
  env?: Record<string, string>;
  /** Processes per function, default 1 each. */
  instances?: Record<string, number>;
  /** A real Acontext. Without it the stand-in runs. */
  acontext?: { baseUrl: string; apiKey: string };
  /** Read `supabase/functions/.env`. Default: with the default ports only, so that tests do not depend on it. */
  envFile?: boolean;
  /** Of the PostgreSQL server: further settings, and the most private memory of each of its processes. */
  server?: { settings?: Record<string, string>; memoryKiB?: number };
  /** Survive a crash of the machine. Default: with the default ports only. */
  durable?: boolean;
  /**
   * Anonymous users that one address may make. Default: what config.toml says with the default ports, else any number, so
   * that tests and the demo do not meet the limit.
   */
  anonymousSignInsPerHour?: number;
  /** Gives up the start. */
  signal?: AbortSignal;
  /** Receives what a person should see, line by line. */
  log?: (line: string) => void;
}

/** A running stack. */
export interface Stack {
  /** Base URL for supabase-js. */
  apiUrl: string;
  /** Role `postgres`, which is no superuser. */
  databaseUrl: string;
  /** Role `supabase_admin`, the superuser. */
  adminDatabaseUrl: string;
  publishableKey: string;
  secretKey: string;
  jwks: JSONWebKeySet;
  /** Signs any claims with the stack's key. */
  issueToken(claims: JWTPayload): Promise<string>;
  /** Signs a confirmed user in, making it if it is not there. `tokenLifetime` in seconds. */
  ensureUser(
    user: { email: string; password: string; tokenLifetime: number },
  ): Promise<{ id: string; accessToken: string }>;
  /** A password for a user of the caller's that stays the same as long as the data directory. */
  demoPassword: string;
  acontext: { baseUrl: string; apiKey: string; controlUrl: string | null };
  /** Names of the functions that are served. */
  functionNames: string[];
  /** Processes of a function that take requests. */
  functionPids(name: string): number[];
  /** `fast` ends connections in order, `immediate` is a crash: unlogged tables lose their rows. */
  restartPostgres(mode: "fast" | "immediate"): Promise<void>;
  stop(): Promise<void>;
}

const DEFAULT_PORTS = { gateway: 54321, postgres: 54322, acontext: 54323 };

/** Everything in a data directory that makes a stack what it is. */
const STATE = ["keys.json", "migrations.json", "acontext", "functions", "logs", "stack.json"];

async function choosePorts(kind: StackOptions["ports"], needsAcontext: boolean) {
  if (kind === "free") return { gateway: 0, postgres: freePort(), acontext: freePort() };
  const needed: [number, string][] = [
    [DEFAULT_PORTS.gateway, "API gateway"],
    [DEFAULT_PORTS.postgres, "PostgreSQL"],
  ];
  if (needsAcontext) needed.push([DEFAULT_PORTS.acontext, "Acontext stand-in"]);
  for (const [port, purpose] of needed) {
    if (!isFree(port)) throw new Error(await takenMessage(port, purpose));
  }
  return DEFAULT_PORTS;
}

/** Starts a stack and returns when every part of it answers. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const shutdown = createShutdown();
  try {
    return await start(options, shutdown);
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}

async function start(
  options: StackOptions,
  shutdown: ReturnType<typeof createShutdown>,
): Promise<Stack> {
  const projectDir = resolve(options.projectDir ?? ROOT);
  const dataDir = resolve(options.dataDir);
  const log = options.log ?? (() => {});
  const { durable = options.ports === "default", envFile = options.ports === "default" } = options;
  const checkpoint = () => options.signal?.throwIfAborted();

  await Deno.mkdir(dataDir, { recursive: true, mode: 0o700 });
  const lock = await takeDataDir(dataDir);
  shutdown.add("lock", () => lock.release());
  const ports = await choosePorts(options.ports, options.acontext === undefined);
  if (options.reset) {
    await removeCluster(dataDir);
    for (const name of STATE) await removeIfExists(join(dataDir, name));
  }
  await Deno.mkdir(join(dataDir, "logs"), { recursive: true });

  const config = await readProjectConfig(projectDir);
  const keys = await loadKeys(join(dataDir, "keys.json"));
  const {
    anonymousSignInsPerHour = options.ports === "default"
      ? config.auth.anonymousSignInsPerHour
      : Infinity,
  } = options;
  const runtime = options.postgres === "debian"
    ? await debianRuntime(join(ROOT, ".local", "runtime"))
    : await embeddedRuntime(join(ROOT, ".local", "runtime"));
  checkpoint();

  const gateway = startGateway({ port: ports.gateway, keys, log });
  shutdown.add("gateway", () => gateway.stop());

  // Acontext and the functions start while the database does.
  const standIn = options.acontext === undefined
    ? await startAcontext({ port: ports.acontext, dataDir, apiKey: keys.acontextKey, log })
    : null;
  if (standIn !== null) shutdown.add("acontext", () => standIn.stop());
  const acontext = {
    baseUrl: standIn?.baseUrl ?? options.acontext?.baseUrl ?? "",
    apiKey: options.acontext?.apiKey ?? keys.acontextKey,
    controlUrl: standIn?.controlUrl ?? null,
  };

  const env = functionEnvironment({
    apiUrl: gateway.url,
    databaseUrl: databaseUrl(keys, "postgres", ports.postgres),
    keys,
    acontext,
    realAcontext: options.acontext !== undefined,
    file: envFile ? await readEnvFile(projectDir) : {},
    extra: options.env ?? {},
  });
  const functionsDir = resolve(options.functionsDir ?? projectDir);
  const routes = await serveFunctions({
    projectDir: functionsDir,
    dataDir,
    config: functionsDir === projectDir ? config : await readProjectConfig(functionsDir),
    env,
    allowNet: [
      hostAndPort(gateway.url),
      hostAndPort(env["ACONTEXT_BASE_URL"] ?? acontext.baseUrl),
      hostAndPort(databaseUrl(keys, "postgres", ports.postgres)),
    ],
    instances: options.instances ?? {},
    log,
  });
  for (const { pool } of routes.values()) shutdown.add("functions", () => pool.stop());
  checkpoint();

  const server = await startPostgres({
    runtime,
    dataDir,
    port: ports.postgres,
    superuserPassword: keys.passwords.supabase_admin,
    durable,
    ...options.server,
    log,
  });
  shutdown.add("postgres", () => server.stop());
  checkpoint();
  await bootstrap(server, { keys, port: ports.postgres, realCron: runtime.realCron });
  checkpoint();

  const userUrl = databaseUrl(keys, "postgres", ports.postgres);
  const adminUrl = databaseUrl(keys, "supabase_admin", ports.postgres);
  const sql = connect(userUrl, { max: 1, name: "stack" });
  try {
    const applied = await applyMigrations({ projectDir, dataDir, databaseUrl: userUrl, sql, log });
    if (applied > 0) log(`Applied ${applied} migration${applied === 1 ? "" : "s"}`);
    if (applied > 0) {
      for (const line of await findRefusedStatements(sql)) log(line);
    }
    await seedVault(sql, { acontext_sessions_project_url: gateway.url });
  } finally {
    await sql.end({ timeout: 1 });
  }
  checkpoint();

  const auth = createAuthService({
    databaseUrl: databaseUrl(keys, "supabase_auth_admin", ports.postgres),
    keys,
    issuer: `${gateway.url}/auth/v1`,
    config: { ...config.auth, anonymousSignInsPerHour },
    log,
  });
  shutdown.add("apis", () => auth.stop());
  const postgrest = startPostgrest({
    dataDir,
    keys,
    port: freePort(),
    databasePort: ports.postgres,
    api: config.api,
    log,
  });
  shutdown.add("apis", () => postgrest.stop());
  gateway.connect({ auth, postgrestUrl: postgrest.url, functions: routes });

  await Promise.all([
    postgrest.ready,
    standIn?.ready,
    untilAllAnswer([...routes.values()].map(({ pool }) => pool)),
  ]);
  checkpoint();

  const netWorker = startNetWorker({ databaseUrl: adminUrl, log });
  shutdown.add("workers", () => netWorker.stop());
  if (!runtime.realCron) {
    const cronWorker = startCronWorker({ databaseUrl: adminUrl, log });
    shutdown.add("workers", () => cronWorker.stop());
  }

  return {
    apiUrl: gateway.url,
    databaseUrl: userUrl,
    adminDatabaseUrl: adminUrl,
    publishableKey: keys.publishableKey,
    secretKey: keys.secretKey,
    jwks: keys.jwks,
    issueToken: (claims) => keys.sign(claims),
    ensureUser: ({ email, password, tokenLifetime }) =>
      auth.ensureUser(email, password, tokenLifetime),
    demoPassword: keys.demoPassword,
    acontext,
    functionNames: [...routes.keys()],
    functionPids: (name) => routes.get(name)?.pool.pids() ?? [],
    restartPostgres: (mode) => server.restart(mode),
    stop: () => shutdown.run(),
  };
}

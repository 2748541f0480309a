/**
 * One PostgreSQL server: made when its data directory is empty, started, restarted, stopped.
 *
 * @module
 */

import { dirname, join } from "@std/path/mod.js";
import { type Child, runToEnd, startChild } from "../child_process.ts";
import { exists, removeIfExists } from "../json_file.ts";
import { LOOPBACK } from "../ports.ts";
import { endProcess } from "../process_info.ts";
import { chooseAccount, fallbackFolder, type ServerAccount } from "./account.ts";
import { debianRuntime, embeddedRuntime, type PostgresRuntime } from "./runtime.ts";

/** What a server needs to know. */
export interface ServerOptions {
  runtime: PostgresRuntime;
  /** Where the stack keeps its data; the server's own folder is made inside. */
  dataDir: string;
  port: number;
  superuserPassword: string;
  /** False for throwaway data: it survives a crash of the server, but not one of the machine. */
  durable: boolean;
  /** Further settings, which win over ours. */
  settings?: Record<string, string>;
  /** The most private memory that each process of the server gets, in KiB; more is "out of memory". Linux keeps to it. */
  memoryKiB?: number;
  log: (line: string) => void;
}

/** A running server. */
export interface PostgresServer {
  /** True when this start made the data directory: nothing but the superuser is in it. */
  isNew: boolean;
  clusterDir: string;
  pid(): number;
  restart(mode: "fast" | "immediate"): Promise<void>;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
const RELAUNCH_ATTEMPTS = 20;

/** Where the server's files are when the account can, or cannot, reach the data directory. */
async function clusterFolder(dataDir: string, reaches: boolean): Promise<string> {
  return reaches ? join(dataDir, "postgres") : join(await fallbackFolder(dataDir), "postgres");
}

/** Removes the server's files, wherever they are. */
export async function removeCluster(dataDir: string): Promise<void> {
  await removeIfExists(await clusterFolder(dataDir, true));
  await removeIfExists(dirname(await clusterFolder(dataDir, false)));
}

async function prepareAccount(options: ServerOptions) {
  const account = await chooseAccount([options.dataDir, ...options.runtime.folders]);
  if (account.reaches) return { account, runtime: options.runtime };
  const folder = await fallbackFolder(options.dataDir);
  await Deno.mkdir(folder, { recursive: true, mode: 0o755 });
  const make = options.runtime.kind === "embedded" ? embeddedRuntime : debianRuntime;
  const runtime = await make(join(folder, "runtime"));
  await Deno.chmod(join(folder, "runtime"), 0o755);
  return { account, runtime };
}

async function createCluster(
  clusterDir: string,
  options: ServerOptions,
  runtime: PostgresRuntime,
  account: ServerAccount,
): Promise<void> {
  // Half of an interrupted initdb is worth nothing.
  await removeIfExists(clusterDir);
  await Deno.mkdir(clusterDir, { mode: 0o700 });
  const passwordFile = await Deno.makeTempFile({ dir: dirname(clusterDir), prefix: "password-" });
  await Deno.writeTextFile(passwordFile, options.superuserPassword);
  if (account.owner !== null) {
    await Deno.chown(clusterDir, account.owner, account.owner);
    await Deno.chown(passwordFile, account.owner, account.owner);
  }
  const { command, args } = account.wrap(join(runtime.binDir, "initdb"), [
    `--pgdata=${clusterDir}`,
    "--username=supabase_admin",
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--no-instructions",
    ...(options.durable ? [] : ["--no-sync"]),
    ...runtime.localeArgs,
  ]);
  const env = { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C", TZ: "UTC" };
  const result = await runToEnd(command, args, { env, cwd: "/", ...account.ids });
  await Deno.remove(passwordFile);
  if (!result.success) {
    await removeIfExists(clusterDir);
    throw new Error(`Cannot create the database: initdb failed: ${result.output}`);
  }
}

/** Ends a server that an earlier, killed run left behind, and removes the pid file of one that is gone. */
async function clearLeftovers(clusterDir: string): Promise<void> {
  const pidFile = join(clusterDir, "postmaster.pid");
  if (!await exists(pidFile)) return;
  const pid = Number((await Deno.readTextFile(pidFile)).split("\n")[0]);
  await endProcess(pid, clusterDir, ["SIGINT", "SIGQUIT", "SIGKILL"]);
  await removeIfExists(pidFile);
}

/** Starts a server, creating its data directory when needed, and returns when it answers. */
export async function startPostgres(options: ServerOptions): Promise<PostgresServer> {
  const { account, runtime } = await prepareAccount(options);
  const clusterDir = await clusterFolder(options.dataDir, account.reaches);
  // Written once the database is set up as on the platform. Without it, a start begins from an empty one.
  const isNew = !await exists(join(clusterDir, "READY"));
  await clearLeftovers(clusterDir);
  if (isNew) await createCluster(clusterDir, options, runtime, account);

  const settings: Record<string, string> = {
    listen_addresses: LOOPBACK,
    port: String(options.port),
    unix_socket_directories: "",
    max_connections: "100",
    timezone: "UTC",
    log_timezone: "UTC",
    lc_messages: "C",
    log_line_prefix: "%m [%p] %q%u ",
    ...runtime.settings,
    ...(options.durable ? {} : { fsync: "off", full_page_writes: "off" }),
    ...options.settings,
  };

  let child: Child;
  let expectedEnd = false;

  async function launch(): Promise<void> {
    expectedEnd = false;
    const ready = Promise.withResolvers<void>();
    const tail: string[] = [];
    let wasReady = false;
    const program = [join(runtime.binDir, "postgres"), "-D", clusterDir];
    const chosen = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const [first = "", ...others] = options.memoryKiB === undefined
      ? program
      : ["/bin/sh", "-c", `ulimit -d ${options.memoryKiB} && exec "$@"`, "sh", ...program];
    const { command, args } = account.wrap(first, [...others, ...chosen]);
    const started = child = startChild({
      name: "postgres",
      command,
      args,
      env: { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", LC_ALL: "C", TZ: "UTC" },
      cwd: "/",
      ...account.ids,
      logFile: join(options.dataDir, "logs", "postgres.log"),
      stopSignal: "SIGINT",
      onLine: (line) => {
        tail.push(line);
        tail.splice(0, tail.length - 10);
        if (line.includes("database system is ready to accept connections")) {
          wasReady = true;
          ready.resolve();
        }
        if (line.includes(" PANIC: ")) options.log(`[postgres] ${line}`);
      },
    });
    started.ended.then(async () => {
      ready.reject(new Error(`Cannot start PostgreSQL: ${tail.join("\n")}`));
      if (!wasReady || expectedEnd || child !== started) return;
      options.log("[postgres] ended unexpectedly, starting it again");
      await relaunch();
    });
    const timer = setTimeout(
      () => ready.reject(new Error("Cannot start PostgreSQL: no answer in time")),
      START_TIMEOUT_MS,
    );
    try {
      await ready.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** After a crash: what is left of the old server may take a moment to be gone. */
  async function relaunch(): Promise<void> {
    for (let attempt = 1; attempt <= RELAUNCH_ATTEMPTS && !expectedEnd; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 300));
      if (expectedEnd) return;
      try {
        await launch();
        return;
      } catch (error) {
        if (attempt === RELAUNCH_ATTEMPTS) options.log(`[postgres] ${error}`);
      }
    }
  }

  async function end(signals: Deno.Signal[]): Promise<void> {
    expectedEnd = true;
    for (const signal of signals) {
      child.signal(signal);
      const timeout = Promise.withResolvers<"late">();
      const timer = setTimeout(() => timeout.resolve("late"), 8_000);
      const outcome = await Promise.race([child.ended, timeout.promise]);
      clearTimeout(timer);
      if (outcome !== "late") return;
    }
  }

  try {
    await launch();
  } catch (error) {
    await end(["SIGINT", "SIGKILL"]);
    throw error;
  }

  return {
    isNew,
    clusterDir,
    pid: () => child.pid,
    async restart(mode) {
      await end(mode === "fast" ? ["SIGINT", "SIGQUIT", "SIGKILL"] : ["SIGQUIT", "SIGKILL"]);
      await launch();
    },
    stop: () => end(["SIGINT", "SIGQUIT", "SIGKILL"]),
  };
}

/** Notes that the database is complete. */
export async function markReady(server: PostgresServer): Promise<void> {
  await Deno.writeTextFile(join(server.clusterDir, "READY"), "");
}

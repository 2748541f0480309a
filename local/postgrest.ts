/**
 * PostgREST in front of the database.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { type Child, startChild } from "./child_process.ts";
import type { Keys } from "./keys.ts";
import { postgrestProgram } from "./paths.ts";
import { LOOPBACK } from "./ports.ts";
import { databaseUrl } from "./postgres/bootstrap.ts";
import type { ApiConfig } from "./project_config.ts";

/** A running PostgREST. */
export interface Postgrest {
  url: string;
  /** Settles when it has read the database's schema and answers. */
  ready: Promise<void>;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;

/** Starts PostgREST on `port`; it keeps trying until the database is there, and is started again when it dies. */
export function startPostgrest(options: {
  dataDir: string;
  keys: Keys;
  port: number;
  databasePort: number;
  api: ApiConfig;
  log: (line: string) => void;
}): Postgrest {
  const { dataDir, keys, port, databasePort, api, log } = options;
  const configFile = join(dataDir, "postgrest.conf");
  // In a file, not in the environment, so that the command line names the data directory it belongs to.
  const settings: Record<string, string | number> = {
    "db-uri": databaseUrl(keys, "authenticator", databasePort),
    "db-schemas": api.schemas.join(","),
    "db-extra-search-path": api.extraSearchPath.join(","),
    "db-max-rows": api.maxRows,
    "db-anon-role": "anon",
    "db-pool": 20,
    "db-pool-acquisition-timeout": 10,
    "jwt-secret": JSON.stringify(keys.jwks),
    // Off by default. To check an ES256 signature costs PostgREST several times what the rest of a small request does, and
    // would be what a benchmark measures. An entry lives no longer than its token.
    "jwt-cache-max-lifetime": 300,
    "server-host": LOOPBACK,
    "server-port": port,
  };
  const text = Object.entries(settings)
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`)
    .join("");
  Deno.writeTextFileSync(configFile, text, { mode: 0o600 });

  let stopping = false;
  let child: Child;

  function launch() {
    const started = child = startChild({
      name: "postgrest",
      command: postgrestProgram(),
      args: [configFile],
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8" },
      cwd: dataDir,
      logFile: join(dataDir, "logs", "postgrest.log"),
      stopSignal: "SIGTERM",
    });
    started.ended.then(({ code, signal }) => {
      if (stopping) return;
      log(`[postgrest] ended (${signal ?? code}), starting it again; see logs/postgrest.log`);
      setTimeout(() => !stopping && launch(), 500);
    });
  }

  async function waitUntilReady(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!stopping && Date.now() < deadline) {
      try {
        const response = await fetch(`http://${LOOPBACK}:${port}/`, { method: "HEAD" });
        await response.body?.cancel();
        if (response.status < 500) return;
      } catch {
        // Not listening yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    if (!stopping) throw new Error("Cannot start PostgREST: no answer; see logs/postgrest.log");
  }

  launch();
  return {
    url: `http://${LOOPBACK}:${port}`,
    ready: waitUntilReady(),
    async stop() {
      stopping = true;
      await child.stop();
    },
  };
}

/**
 * The Acontext stand-in as a process of the stack.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { type Child, startChild } from "./child_process.ts";
import { denoEnvironment } from "./deno_environment.ts";
import { ROOT } from "./paths.ts";
import { LOOPBACK } from "./ports.ts";

/** A running stand-in. */
export interface AcontextProcess {
  baseUrl: string;
  controlUrl: string;
  /** Settles when it answers. */
  ready: Promise<void>;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;

/** Starts the stand-in on `port`; it is started again when it dies. */
export async function startAcontext(options: {
  port: number;
  dataDir: string;
  apiKey: string;
  log: (line: string) => void;
}): Promise<AcontextProcess> {
  const { port, dataDir, apiKey, log } = options;
  const origin = `http://${LOOPBACK}:${port}`;
  const folder = join(dataDir, "acontext");
  const program = join(ROOT, "local", "acontext", "main.ts");
  await Deno.mkdir(folder, { recursive: true });
  let stopping = false;
  let child: Child;

  function launch() {
    const started = child = startChild({
      name: "acontext",
      command: Deno.execPath(),
      args: [
        "run",
        "--quiet",
        "--cached-only",
        "--config",
        join(ROOT, "deno.json"),
        "--no-prompt",
        "--allow-env",
        `--allow-net=${LOOPBACK}`,
        `--allow-read=${folder}`,
        `--allow-write=${folder}`,
        program,
        "--port",
        String(port),
        "--state",
        join(folder, "state.db"),
        "--key",
        apiKey,
      ],
      env: denoEnvironment(),
      cwd: folder,
      logFile: join(dataDir, "logs", "acontext.log"),
      stopSignal: "SIGTERM",
      onLine: (line, stream) => stream === "stderr" && log(`[acontext] ${line}`),
    });
    started.ended.then(({ code, signal }) => {
      if (stopping) return;
      log(`[acontext] ended (${signal ?? code}), starting it again; see logs/acontext.log`);
      setTimeout(() => !stopping && launch(), 500);
    });
  }

  async function waitUntilReady(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!stopping && Date.now() < deadline) {
      try {
        const response = await fetch(`${origin}/_control/audit`);
        await response.body?.cancel();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    }
    if (!stopping) throw new Error("Cannot start the Acontext stand-in; see logs/acontext.log");
  }

  launch();
  return {
    baseUrl: `${origin}/api/v1`,
    controlUrl: `${origin}/_control`,
    ready: waitUntilReady(),
    async stop() {
      stopping = true;
      await child.stop();
    },
  };
}

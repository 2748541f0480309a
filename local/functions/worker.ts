/**
 * The processes of one Edge Function: as many as wanted, each restarted when it dies.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { type Child, startChild } from "../child_process.ts";
import { LOOPBACK } from "../ports.ts";
import { entrySource, functionArgs } from "./resolution.ts";
import { startProblem } from "./start_problem.ts";

/** One function of the project. */
export interface FunctionOptions {
  name: string;
  /** The function's folder: `index.ts` and `deno.json`, or the bundle alone. */
  folder: string;
  /** The lock file for what it imports. */
  lock: string | null;
  instances: number;
  /** Everything the process finds in its environment. */
  env: Record<string, string>;
  /** `host:port` of everything it may talk to. */
  allowNet: string[];
  dataDir: string;
  log: (line: string) => void;
}

interface Instance {
  child: Child;
  /** `null` until it listens. */
  url: string | null;
  /** Fulfilled when it listens, rejected when it dies before. */
  listening: Promise<string>;
  /** It is about to end and another has taken its place. */
  replaced: boolean;
}

/** A function that is being served. */
export interface FunctionPool {
  name: string;
  /** Fulfilled when every process listens for the first time, rejected with its own words when one does not start. */
  booted: Promise<void>;
  /** Returns when every process has answered a request, whatever it answered. Throws when one does not. */
  ask(): Promise<void>;
  /** Processes that listen. */
  pids(): number[];
  /** The base URL of the instance whose turn it is; waits for one to boot. Throws when none does. */
  nextUrl(): Promise<string>;
  /** After a call without an answer: waits for a moment whether its process has ended, so that the next call meets another. */
  noticeEnd(url: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * What the platform gives a worker, in MB (https://supabase.com/docs/guides/functions/limits). Without a limit V8 goes by the
 * memory of the machine, and collects so late that nobody sees what a function needs.
 */
const MEMORY_MB = 256;
const BOOT_TIMEOUT_MS = 60_000;
const HANGS = "It does not listen after a minute: what does it wait for while it is imported?";
const ANSWER_TIMEOUT_MS = 15_000;
const RESTART_DELAY_MS = 100;
const POLL_MS = 20;
/** A killed process is known to have ended a little after its connections broke. */
const END_NOTICE_MS = 500;

/** Starts the processes of a function. */
export function startFunction(options: FunctionOptions): FunctionPool {
  const { name, folder, dataDir, log } = options;
  const announcement = `listening-${crypto.randomUUID()}`;
  const entryFile = join(dataDir, "functions", `${name}.ts`);
  Deno.mkdirSync(join(dataDir, "functions"), { recursive: true });
  Deno.writeTextFileSync(entryFile, entrySource(folder, { name, announcement }));

  let stopping = false;
  let everBooted = false;
  let failuresInARow = 0;
  let turn = 0;
  const slots: Instance[] = [];
  const children = new Set<Child>();

  function launch(slot: number) {
    const listening = Promise.withResolvers<string>();
    // Nobody may be waiting for it.
    listening.promise.catch(() => {});
    const said: string[] = [];
    const giveUp = setTimeout(
      () => listening.reject(new Error(startProblem(name, [...said, HANGS]))),
      BOOT_TIMEOUT_MS,
    );
    const child = startChild({
      name,
      command: Deno.execPath(),
      args: [
        "run",
        ...functionArgs(folder, options.lock),
        // Its environment lacks what a download may need.
        "--cached-only",
        `--v8-flags=--max-heap-size=${MEMORY_MB}`,
        "--no-prompt",
        "--allow-env",
        `--allow-net=${[`${LOOPBACK}:0`, ...options.allowNet].join(",")}`,
        entryFile,
      ],
      env: options.env,
      cwd: folder,
      logFile: join(dataDir, "logs", `${name}.log`),
      stopSignal: "SIGTERM",
      onLine: (line, stream) => {
        if (line === `${announcement} ending`) {
          instance.url = null;
          if (stopping) return;
          // As on the platform: it finishes what it does while another takes the requests.
          instance.replaced = true;
          launch(slot);
        } else if (line.startsWith(announcement)) {
          instance.url = `http://${LOOPBACK}:${line.slice(announcement.length + 1)}`;
          failuresInARow = 0;
          everBooted = true;
          clearTimeout(giveUp);
          listening.resolve(instance.url);
        } else if (stream === "stderr") {
          said.push(line);
          // What keeps it from its first start is told as one piece.
          if (everBooted) log(`[${name}] ${line}`);
        }
      },
    });
    const instance: Instance = {
      child,
      url: null,
      listening: listening.promise,
      replaced: false,
    };
    slots[slot] = instance;
    children.add(child);

    child.ended.then(({ code, signal }) => {
      children.delete(child);
      const booted = instance.url !== null;
      instance.url = null;
      clearTimeout(giveUp);
      listening.reject(new Error(startProblem(name, said)));
      if (stopping || instance.replaced || !everBooted) return;
      failuresInARow = booted ? 0 : failuresInARow + 1;
      log(
        `[${name}] ended (${signal ?? code})${booted ? "" : " while starting"}, starting it again`,
      );
      // One that cannot boot is tried again ever more slowly.
      const delay = booted ? RESTART_DELAY_MS : Math.min(500 * 2 ** failuresInARow, 30_000);
      setTimeout(() => !stopping && launch(slot), delay);
    });
  }

  for (let slot = 0; slot < options.instances; slot++) launch(slot);

  const booted = Promise.all(slots.map(({ listening }) => listening)).then(() => {});
  // Whoever waits for it may come later than the failure.
  booted.catch(() => {});
  return {
    name,
    booted,
    async ask() {
      for (const { listening } of slots) {
        const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
        const url = `${await listening}/${name}`;
        const response = await fetch(url, { method: "OPTIONS", signal }).catch((error) => {
          throw new Error(startProblem(name, [`It does not answer: ${error.message ?? error}`]));
        });
        await response.body?.cancel();
      }
    },
    pids: () => slots.filter(({ url }) => url !== null).map(({ child }) => child.pid),
    async nextUrl() {
      const deadline = Date.now() + BOOT_TIMEOUT_MS;
      while (!stopping && Date.now() < deadline) {
        for (let tried = 0; tried < slots.length; tried++) {
          turn = (turn + 1) % slots.length;
          const url = slots[turn]?.url;
          if (url !== null && url !== undefined) return url;
        }
        // After a crash the next boot is under way or about to begin; after a failed boot there is no hope.
        if (failuresInARow > 0) break;
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      throw new Error(`Cannot call function "${name}": it does not start`);
    },
    async noticeEnd(url) {
      const deadline = Date.now() + END_NOTICE_MS;
      while (slots.some((slot) => slot.url === url) && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },
    async stop() {
      stopping = true;
      await Promise.all([...children].map((child) => child.stop(6_000)));
    },
  };
}

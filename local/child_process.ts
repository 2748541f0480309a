/**
 * Programs the stack runs: started with nothing of our environment, logged to a file, gone when we are.
 *
 * @module
 */

import { TextLineStream } from "@std/streams/mod.js";
import { guard, unguard } from "./guard.ts";

/** What to run and how. */
export interface ChildOptions {
  /** Short name, used as prefix on the console. */
  name: string;
  command: string;
  args: string[];
  /** The complete environment. */
  env: Record<string, string>;
  cwd?: string;
  uid?: number;
  gid?: number;
  /** Where its output goes; the file is appended to. */
  logFile: string;
  /** The signal the program understands as "end now, in order". */
  stopSignal: "SIGTERM" | "SIGINT";
  /** Sees every line of output. */
  onLine?: (line: string, stream: "stdout" | "stderr") => void;
}

/** A running program. */
export interface Child {
  pid: number;
  /** Settles when the program has ended. */
  ended: Promise<{ code: number; signal: string | null }>;
  signal(signal: Deno.Signal): void;
  /** Asks the program to end, kills it after `graceMs`, and returns when it has ended. */
  stop(graceMs?: number): Promise<void>;
}

/** Starts a program. It gets its own process group, so that a terminal's Ctrl-C reaches only us. */
export function startChild(options: ChildOptions): Child {
  const process = new Deno.Command(options.command, {
    args: options.args,
    clearEnv: true,
    env: options.env,
    detached: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  }).spawn();
  const guarding = guard(process.pid, options.stopSignal);

  const log = Deno.openSync(options.logFile, { append: true, create: true, mode: 0o600 });
  const encoder = new TextEncoder();

  async function copy(stream: ReadableStream<Uint8Array<ArrayBuffer>>, name: "stdout" | "stderr") {
    const lines: ReadableStream<string> = stream
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of lines) {
      log.writeSync(encoder.encode(`${line}\n`));
      options.onLine?.(line, name);
    }
  }

  const output = Promise.all([copy(process.stdout, "stdout"), copy(process.stderr, "stderr")]);
  let running = true;
  const ended = process.status.then(async (status) => {
    running = false;
    await guarding;
    await unguard(process.pid);
    await output.catch(() => {});
    log.close();
    return { code: status.code, signal: status.signal };
  });

  function signal(name: Deno.Signal) {
    if (!running) return;
    try {
      process.kill(name);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound) && !(error instanceof TypeError)) throw error;
    }
  }

  return {
    pid: process.pid,
    ended,
    signal,
    async stop(graceMs = 5_000) {
      signal(options.stopSignal);
      const timer = setTimeout(() => signal("SIGKILL"), graceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** Runs a program to its end and returns what it printed. Used for short helpers such as `initdb`. */
export async function runToEnd(
  command: string,
  args: string[],
  options: { env?: Record<string, string>; cwd?: string; uid?: number; gid?: number } = {},
): Promise<{ success: boolean; output: string }> {
  const { env = {}, ...rest } = options;
  const result = await new Deno.Command(command, {
    args,
    clearEnv: true,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...rest,
  }).output();
  const decoder = new TextDecoder();
  return {
    success: result.success,
    output: (decoder.decode(result.stdout) + decoder.decode(result.stderr)).trim(),
  };
}

/**
 * A program of the benchmarks in a process of its own, so that what it does is not done by the process that also plays the
 * gateway: one line of JSON in, one line of JSON out.
 *
 * @module
 */

import { TextLineStream } from "@std/streams/mod.js";
import { join } from "@std/path/mod.js";
import { denoEnvironment } from "../../local/deno_environment.ts";
import { guard, unguard } from "../../local/guard.ts";
import { ROOT } from "../../local/paths.ts";

export interface LineProcess {
  pid: number;
  /** Answers come in the order of the questions. @throws {Error} when the program ended or failed. */
  ask(question: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

/** Starts `program`, a path below the project's folder. What is secret goes through `env`: arguments can be seen by all. */
export function startLineProcess(
  program: string,
  env: Record<string, string> = {},
): LineProcess {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--quiet", "--no-check", "--cached-only"],
      ...["--config", join(ROOT, "deno.json"), program],
    ],
    cwd: ROOT,
    clearEnv: true,
    env: { ...denoEnvironment(), ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  // The end of its input ends an idle program; one that is at work may wait for a database that is gone.
  const guarding = guard(child.pid, "SIGTERM");
  const writer = child.stdin.getWriter();
  const lines: ReadableStream<string> = child.stdout
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  const reader = lines.getReader();
  return {
    pid: child.pid,
    async ask(question) {
      await writer.write(new TextEncoder().encode(`${JSON.stringify(question)}\n`));
      const { value } = await reader.read();
      if (value === undefined) throw new Error(`Cannot measure: ${program} has ended`);
      return JSON.parse(value);
    },
    async stop() {
      // The end of its input ends it.
      await writer.close().catch(() => {});
      await reader.cancel();
      await child.status;
      await guarding;
      await unguard(child.pid);
    },
  };
}

/** The program's side: answers every line until its input ends. */
export async function answerLines(answer: (question: unknown) => Promise<unknown>): Promise<void> {
  const lines: ReadableStream<string> = Deno.stdin.readable
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  for await (const line of lines) console.log(JSON.stringify(await answer(JSON.parse(line))));
}

/** A program of `programs/` as a child process. @module */

import { TextLineStream } from "@std/streams/mod.js";
import { join } from "@std/path/mod.js";
import type { z } from "zod";
import { ROOT } from "../../local/paths.ts";
import {
  CONFIG_VARIABLE,
  drainedSchema,
  type Order,
  type ProgramConfig,
} from "./programs/program.ts";

export interface ChildProgram {
  /** @throws {Error} when the program ends instead. */
  drain(order: Order): Promise<z.infer<typeof drainedSchema>>;
  stop(): Promise<void>;
}

/** @param name of a file in `programs/`. */
export async function startProgram(name: string, config: ProgramConfig): Promise<ChildProgram> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "--no-check", programOf(name)],
    cwd: ROOT,
    env: { [CONFIG_VARIABLE]: JSON.stringify(config) },
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output: ReadableStream<string> = child.stdout
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  const lines = output[Symbol.asyncIterator]();
  const input = child.stdin.getWriter();

  async function nextLine(): Promise<string> {
    const { done, value } = await lines.next();
    if (done) throw new Error(`Cannot measure "${name}": its program has ended`);
    return value;
  }

  await nextLine();
  return {
    async drain(order) {
      await input.write(new TextEncoder().encode(`${JSON.stringify(order)}\n`));
      return drainedSchema.parse(JSON.parse(await nextLine()));
    },
    async stop() {
      await input.close();
      // The pools of the libraries may keep it alive.
      child.kill("SIGTERM");
      await child.status;
    },
  };
}

function programOf(name: string): string {
  return join(ROOT, "bench", "drain", "programs", `${name}.ts`);
}

/** A program of `programs/` as a child process. @module */

import { join } from "@std/path/mod.js";
import type { z } from "zod";
import { startLineProcess } from "../support/line_process.ts";
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

/** Starts the file `name` in `programs/`, and waits until it has loaded all its code. */
export async function startProgram(name: string, config: ProgramConfig): Promise<ChildProgram> {
  const program = startLineProcess(join("bench", "drain", "programs", `${name}.ts`), {
    [CONFIG_VARIABLE]: JSON.stringify(config),
  });
  await program.ask(null);
  return {
    drain: async (order) => drainedSchema.parse(await program.ask(order)),
    stop: () => program.stop(),
  };
}

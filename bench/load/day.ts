/** A time of load. @module */

import type { FaultRule } from "../../local/acontext/fault_rules.ts";
import type { World } from "../../tests/integration/support/world.ts";
import type { LineProcess } from "../support/line_process.ts";
import { DELAY_MS } from "./faults.ts";
import { watchMemory } from "./memory.ts";
import { type Question, type Work, workSchema } from "./questions.ts";
import type { Day } from "./result.ts";
import { sweepUntil } from "./sweeping.ts";

export interface LoadParts {
  world: World;
  clients: LineProcess;
  /** Processes of each function. */
  functions: Record<string, () => number[]>;
}

export async function ask(clients: LineProcess, question: Question): Promise<Work> {
  return workSchema.parse(await clients.ask(question));
}

/** The clients work and a sweep deletes, while Acontext behaves by these rules. */
export async function loadFor(
  { world, clients, functions }: LoadParts,
  { seconds, rules, perSecond }: { seconds: number; rules: FaultRule[]; perSecond: number },
): Promise<Day> {
  const { control } = world.remote;
  await control.setFaults(rules);
  const memory = watchMemory(functions, 1_000);
  let stopped = false;
  const sweeping = sweepUntil(world, { stopped: () => stopped, perSecond });
  try {
    const work = await ask(clients, { do: "work", seconds });
    stopped = true;
    const sweeps = await sweeping;
    return { work, sweeps, injected: injectedBy(await control.faults()), memory: memory() };
  } finally {
    stopped = true;
    memory();
    // It has been told to end; what ended the load is what is thrown.
    await sweeping.catch(() => {});
    await control.clearFaults();
  }
}

function injectedBy(rules: (FaultRule & { fired: number })[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { fault, fired } of rules) {
    if (fault.kind === "delay" && fault.ms === DELAY_MS) continue;
    const name = nameOf(fault);
    counts[name] = (counts[name] ?? 0) + fired;
  }
  return counts;
}

function nameOf(fault: FaultRule["fault"]): string {
  switch (fault.kind) {
    case "status":
      return `answers ${fault.status}`;
    case "delay":
      return `answers ${fault.ms} ms late`;
    case "drop":
      return `drops the connection ${fault.when} the effect`;
    case "throttle":
      return "answers 429";
    case "false404":
      return "lies with 404";
    case "late":
      return `drops it, effect ${fault.ms} ms later`;
    default:
      return fault.kind;
  }
}

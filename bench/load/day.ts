/** One day of load: clients, sweeps and faults at the same time. @module */

import type { ActiveRule, FaultRule } from "../../local/acontext/fault_rules.ts";
import type { World } from "../../tests/integration/support/world.ts";
import type { LineProcess } from "../support/line_process.ts";
import { DELAY_MS } from "./faults.ts";
import { watchMemory } from "./memory.ts";
import { type Question, type Work, workSchema } from "./questions.ts";
import { aggregate, type Day } from "./result.ts";
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
    const injected = injectedBy(await control.faults());
    return aggregate({ work, sweeps, injected, memory: memory() });
  } finally {
    stopped = true;
    memory();
    // It was asked to end; the error that ended the load is the one to throw.
    await sweeping.catch(() => {});
    await control.clearFaults();
  }
}

function injectedBy(rules: ActiveRule[]): Day["injected"] {
  const injected = rules.filter(({ fault }) => fault.kind !== "delay" || fault.ms !== DELAY_MS);
  const groups = Map.groupBy(injected, ({ fault }) => JSON.stringify(fault));
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    return [{ fault: first.fault, times: group.reduce((sum, { fired }) => sum + fired, 0) }];
  });
}

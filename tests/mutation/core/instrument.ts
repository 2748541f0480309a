/** Stryker's mutators over the core: every mutant in one copy of each file, switched on by the environment. @module */

import { Instrumenter, type InstrumenterOptions } from "@stryker-mutator/instrumenter";
import type { Edit } from "../mutant.ts";

/** Set to the id of a mutant, it switches that mutant on. */
export const SWITCH = "__STRYKER_ACTIVE_MUTANT__";

type Logger = ConstructorParameters<typeof Instrumenter>[0];

export interface Instrumented {
  /** By path: the source with all mutants, each behind its switch. */
  sources: Map<string, string>;
  /** With the id of the switch, and where the change is in the original. */
  edits: { path: string; id: string; edit: Edit }[];
}

const OPTIONS: InstrumenterOptions = { plugins: null, excludedMutations: [], ignorers: [] };

/** @param files The original sources by path. */
export async function instrument(files: ReadonlyMap<string, string>): Promise<Instrumented> {
  const { files: sources, mutants } = await new Instrumenter(silent()).instrument(
    [...files].map(([name, content]) => ({ name, content, mutate: true })),
    OPTIONS,
  );
  return {
    sources: new Map(sources.map(({ name, content }) => [name, content])),
    edits: mutants.map(({ id, fileName, location, replacement = "", mutatorName }) => {
      const text = files.get(fileName) ?? "";
      return {
        path: fileName,
        id,
        edit: {
          start: offsetOf(text, location.start),
          end: offsetOf(text, location.end),
          replacement,
          mutator: mutatorName,
        },
      };
    }),
  };
}

/** @param position Line and column from 0. */
function offsetOf(text: string, { line, column }: { line: number; column: number }): number {
  const before = text.split("\n").slice(0, line);
  return before.reduce((sum, { length }) => sum + length + 1, 0) + column;
}

function silent(): Logger {
  const nothing = () => {};
  const never = () => false;
  return {
    isTraceEnabled: never,
    isDebugEnabled: never,
    isInfoEnabled: never,
    isWarnEnabled: never,
    isErrorEnabled: never,
    isFatalEnabled: never,
    trace: nothing,
    debug: nothing,
    info: nothing,
    warn: nothing,
    error: nothing,
    fatal: nothing,
  };
}

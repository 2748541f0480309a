/**
 * What every command gets, and how it ends.
 *
 * @module
 */

import type { Api } from "./api.ts";
import type { Output } from "./output.ts";
import type { Target } from "./target.ts";

/** As plugins of monitoring systems have them. */
export const EXIT = { ok: 0, degraded: 1, failing: 2, unknown: 3 } as const;

export interface CommandContext {
  api: Api;
  target: Target;
  output: Output;
  /** What follows the command's name. */
  args: string[];
  flags: { dryRun: boolean; force: boolean; limit: number | null };
  /** Between two looks at something that takes its time. */
  pause(): Promise<void>;
}

/** Resolves to the exit code. */
export type Command = (context: CommandContext) => Promise<number>;

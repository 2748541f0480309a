/**
 * The operator command: `npm run ops -- <command>`.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { z } from "zod";
import { createApi } from "./api.ts";
import { type Command, EXIT } from "./command.ts";
import { eraseUser } from "./commands/erase_user.ts";
import { health } from "./commands/health.ts";
import { reconcile } from "./commands/reconcile.ts";
import { retry } from "./commands/retry.ts";
import { rotateSecret } from "./commands/rotate_secret.ts";
import { runs } from "./commands/runs.ts";
import { settings } from "./commands/settings.ts";
import { stuck } from "./commands/stuck.ts";
import { sweep } from "./commands/sweep.ts";
import { OpsError } from "./ops_error.ts";
import { createOutput } from "./output.ts";
import { findTarget, NO_TARGET } from "./target.ts";

const OPTIONS = ["dry-run", "force", "limit"] as const;

interface Entry {
  command: Command;
  options: typeof OPTIONS[number][];
  /** Whether anything may follow its name; what, the command itself checks. */
  takesArguments: boolean;
}

const COMMANDS: Record<string, Entry> = {
  health: { command: health, options: [], takesArguments: false },
  runs: { command: runs, options: ["limit"], takesArguments: false },
  sweep: { command: sweep, options: ["dry-run", "force"], takesArguments: false },
  stuck: { command: stuck, options: ["limit"], takesArguments: false },
  retry: { command: retry, options: [], takesArguments: true },
  reconcile: { command: reconcile, options: ["dry-run", "force"], takesArguments: false },
  settings: { command: settings, options: [], takesArguments: true },
  "rotate-secret": { command: rotateSecret, options: [], takesArguments: false },
  "erase-user": { command: eraseUser, options: ["dry-run"], takesArguments: true },
};

export const HELP = `npm run ops -- <command> [--json]

  health                          does it work? exit code 0 ok, 1 degraded, 2 failing
  runs [--limit 20]               the last runs
  sweep [--dry-run] [--force]     deletes what is due; --force overrides the expiry limit
  stuck [--limit 50]              deletions that failed ten times or more
  retry <id>                      makes one of them due now
  reconcile [--dry-run] [--force] searches Acontext for what no session knows
  settings [get]                  all settings, and who changed them last
  settings set [name=value …]     changes settings; without any, recreates the cron jobs
  rotate-secret                   puts SUPABASE_URL and SUPABASE_SECRET_KEY into Vault, and tries them
  erase-user <id> [--dry-run]     deletes an account with all its sessions

About the project that SUPABASE_URL and SUPABASE_SECRET_KEY name, else the stack that npm start runs.
Exit code 0: done. 1: something is left to do or needs a look. 2: failing. 3: could not be asked.
With --json the result is JSON on stdout, progress is on stderr.`;

export interface OpsOptions {
  env: Record<string, string | undefined>;
  stdout: (line: string) => void;
  stderr: (line: string) => void;
  /** Default half a second. */
  pauseMs?: number;
}

/** Runs the command line and resolves to the exit code. */
export async function runOps(argv: string[], options: OpsOptions): Promise<number> {
  const { env, stdout, stderr, pauseMs = 500 } = options;
  try {
    const { values, positionals: [name, ...args] } = parse(argv);
    if (values.help || name === undefined) {
      stdout(HELP);
      return values.help ? EXIT.ok : EXIT.unknown;
    }
    const entry = Object.entries(COMMANDS).find(([key]) => key === name)?.[1];
    if (entry === undefined) {
      throw new OpsError(
        `Cannot run "${name}": the commands are ${Object.keys(COMMANDS).join(", ")}`,
      );
    }
    // Whoever adds --dry-run, or "dry-run", must not get what it was to hold back.
    const foreign = OPTIONS.find((option) =>
      (values[option] ?? false) !== false && !entry.options.includes(option)
    );
    if (foreign !== undefined) {
      throw new OpsError(`Cannot run "${name}": it has no option --${foreign}`);
    }
    if (args.length > 0 && !entry.takesArguments) {
      throw new OpsError(`Cannot run "${name}": it takes no "${args[0]}"`);
    }
    const target = await findTarget(env);
    if (target === null) throw new OpsError(`Cannot run "${name}": no project. ${NO_TARGET}`);
    return await entry.command({
      api: createApi(target),
      target,
      output: createOutput({ json: values.json, stdout, stderr }),
      args,
      flags: { dryRun: values["dry-run"], force: values.force, limit: parseLimit(values.limit) },
      pause: () => new Promise((resolve) => setTimeout(resolve, pauseMs)),
    });
  } catch (error) {
    if (!(error instanceof OpsError)) throw error;
    stderr(error.message);
    return EXIT.unknown;
  }
}

function parse(args: string[]) {
  const flag = { type: "boolean", default: false } as const;
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        json: flag,
        "dry-run": flag,
        force: flag,
        help: flag,
        limit: { type: "string" },
      },
    });
  } catch (error) {
    throw new OpsError(
      `Cannot read the options: ${error instanceof Error ? error.message : error}`,
    );
  }
}

function parseLimit(text: string | undefined): number | null {
  if (text === undefined) return null;
  const parsed = z.coerce.number().int().min(1).max(1000).safeParse(text);
  if (!parsed.success) throw new OpsError('Cannot read "--limit": it is 1 to 1000');
  return parsed.data;
}

if (import.meta.main) {
  Deno.exit(
    await runOps(Deno.args, {
      env: Deno.env.toObject(),
      stdout: console.log,
      stderr: console.error,
    }),
  );
}

/**
 * What the Supabase CLI is asked to do.
 *
 * @module
 */

import { z } from "zod";
import { supabaseCli } from "../../local/paths.ts";
import type { Environment, Settings } from "./settings.ts";

export interface Command {
  /** For people: what does not happen when it fails. */
  purpose: string;
  args: string[];
}

/** Migrations first: they keep the functions that are deployed working. */
export function deployCommands(
  { projectRef, database }: Settings,
  { root, dist, functionsOnly }: { root: string; dist: string; functionsOnly: boolean },
): Command[] {
  const migrations = {
    purpose: "push the migrations",
    // An app of its own may have newer ones.
    args: ["db", "push", `--remote=${database}`, "--include-all", "--yes", "--workdir", root],
  };
  const functions = {
    purpose: "deploy the functions",
    args: [
      ...["functions", "deploy", `--remote=${projectRef}`],
      ...["--use-api", "--yes", "--workdir", dist],
    ],
  };
  return functionsOnly ? [functions] : [migrations, functions];
}

/** The command as a person would type it, without the password of a database's address. */
export function commandLine({ args }: Command): string {
  return ["supabase", ...args].join(" ").replace(/(:\/\/[^:@/ ]+:)[^@ ]+@/g, "$1…@");
}

/** Whether `supabase login` was done. Without a login, the CLI says so without using the network. */
export async function isSignedIn(env: Environment): Promise<boolean> {
  const { stderr } = await cli(["whoami"], env, "piped").output();
  return !new TextDecoder().decode(stderr).includes("Access token not provided");
}

const refusalSchema = z.object({ error: z.object({ message: z.string() }) });

/** What a command that changes nothing answers. @throws {Error} with what the CLI says is wrong */
export async function ask<T>(
  args: string[],
  { env, schema }: { env: Environment; schema: z.ZodType<T> },
): Promise<T> {
  const command = cli([...args, "--output-format", "json"], env, "piped");
  const { code, stdout } = await command.output();
  const answer: unknown = parse(new TextDecoder().decode(stdout));
  if (code === 0) return schema.parse(answer);
  const refusal = refusalSchema.safeParse(answer);
  throw new Error(refusal.success ? refusal.data.error.message : `the CLI ended with code ${code}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Runs them in turn, each if the one before it succeeded. @throws {Error} that says what was not done. */
export async function runCommands(commands: Command[], env: Environment): Promise<void> {
  for (const [index, command] of commands.entries()) {
    console.log(`\n${commandLine(command)}`);
    const { code } = await cli(command.args, env, "inherit").spawn().status;
    if (code === 0) continue;
    const rest = commands.slice(index + 1).map(({ purpose }) => purpose);
    throw new Error(
      `Cannot ${command.purpose}: the CLI ended with code ${code}, see above.` +
        (rest.length === 0 ? "" : ` Nor did this ${rest.join(" or ")}.`),
    );
  }
}

function cli(args: string[], env: Environment, output: "inherit" | "piped"): Deno.Command {
  return new Deno.Command(supabaseCli(), {
    args,
    env: {
      SUPABASE_TELEMETRY_DISABLED: "1",
      DO_NOT_TRACK: "1",
      SUPABASE_NO_UPDATE_NOTIFIER: "1",
      ...defined(env),
    },
    clearEnv: true,
    stdin: "null",
    stdout: output,
    stderr: output,
  });
}

function defined(env: Environment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]),
  );
}

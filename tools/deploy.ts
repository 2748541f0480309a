/**
 * `npm run deploy`: builds the functions, pushes the migrations and deploys what was built, with the Supabase CLI.
 *
 *     npm run deploy [-- --dry-run] [-- --functions-only]
 *
 * @module
 */

import { parseArgs } from "node:util";
import { ROOT } from "../local/paths.ts";
import { buildFunctions, DIST } from "./bundle/project.ts";
import { requiredSecrets } from "../supabase/functions/_acontext_sessions/runtime/env.ts";
import { deployCommands, isSignedIn, runCommands } from "./deploy/commands.ts";
import { type Deployed, readDeployed } from "./deploy/deployed.ts";
import { describePlan, readMigrations } from "./deploy/plan.ts";
import { findProjectRef, readSettings } from "./deploy/settings.ts";

const HELP = `npm run deploy                      deploys the migrations and the functions
npm run deploy -- --functions-only  only the functions
npm run deploy -- --dry-run         shows what would be sent, and sends nothing; if somebody is signed in,
                                    it asks the project which functions and secrets it has

  SUPABASE_ACCESS_TOKEN   of your Supabase account; default: who is signed in, npx supabase login
  PROJECT_REF             the first part of the project's URL; default: the linked project
  SUPABASE_DB_PASSWORD    the database's password; without it the CLI makes itself a role for the moment
  PROJECT_DB_URL          another way to the database, if the CLI's own does not work`;

/** In place of the ref of a project that is not known. */
const NO_PROJECT = "<PROJECT_REF>";

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      "dry-run": { type: "boolean", default: false },
      "functions-only": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  const env = Deno.env.toObject();
  const dryRun = values["dry-run"];
  const functionsOnly = values["functions-only"];
  const settings = dryRun
    ? await knownSettings(env)
    // Before anything is built: most often something is missing.
    : await readSettings(env, { root: ROOT, isSignedIn: () => isSignedIn(env) });
  const commands = deployCommands(settings, { root: ROOT, dist: DIST, functionsOnly });
  const functions = await buildFunctions(DIST);
  const migrations = functionsOnly ? [] : await readMigrations(ROOT);
  const secrets = requiredSecrets();
  const deployed = dryRun ? await known(settings.projectRef, env) : null;
  console.log(describePlan({ migrations, functions, secrets, deployed, commands }));
  if (dryRun) return console.log("\nNothing was sent: this is a dry run.");
  await runCommands(commands, env);
  console.log("\nDeployed. See whether all is well: npm run doctor");
}

/** Of a dry run, which needs none. */
async function knownSettings(env: Record<string, string>) {
  const projectRef = await findProjectRef(env, ROOT) ?? NO_PROJECT;
  return { projectRef, database: env["PROJECT_DB_URL"] || projectRef };
}

/** What the project has, or why that is not known. */
async function known(projectRef: string, env: Record<string, string>): Promise<Deployed | string> {
  if (projectRef === NO_PROJECT) return "no project is named or linked";
  if (!env["SUPABASE_ACCESS_TOKEN"] && !await isSignedIn(env)) return "nobody is signed in";
  try {
    return await readDeployed(projectRef, env);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}

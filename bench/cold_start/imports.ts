/** How long importing takes, in a process that has imported nothing before. @module */

import { fromFileUrl, join, toFileUrl } from "@std/path/mod.js";
import { z } from "zod";
import { entryPoint } from "../../local/functions/environment.ts";
import { functionArgs, functionsLock } from "../../local/functions/resolution.ts";
import { ROOT } from "../../local/paths.ts";
import { denoEnvironment } from "../../local/deno_environment.ts";

const TIMER = fromFileUrl(new URL("./import_timer.ts", import.meta.url));
const timesSchema = z.array(z.number());

/** In this order each needs what comes before it, or nothing of it. */
export const PACKAGES = [
  "zod",
  "@supabase/supabase-js",
  "@supabase/server/core",
  "@acontext/acontext",
];

/** Milliseconds to import the module of the function in `folder`, its source or its bundle, and all that it needs. */
export async function loadTime(folder: string): Promise<number> {
  const entry = entryPoint(folder);
  const [time] = entry === null ? [] : await timesOf(folder, [toFileUrl(entry).href]);
  if (time === undefined) throw new Error(`Cannot measure the imports of ${folder}`);
  return time;
}

/** Milliseconds that each of {@link PACKAGES} adds, and then the function's own modules. */
export function importSteps(folder: string): Promise<number[]> {
  return timesOf(folder, [...PACKAGES, toFileUrl(join(folder, "index.ts")).href]);
}

async function timesOf(folder: string, specifiers: string[]): Promise<number[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--cached-only",
      ...functionArgs(folder, functionsLock(ROOT)),
      "-A",
      TIMER,
      ...specifiers,
    ],
    clearEnv: true,
    env: denoEnvironment(),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`Cannot import ${specifiers}: ${decoder.decode(stderr)}`);
  return timesSchema.parse(JSON.parse(decoder.decode(stdout)));
}

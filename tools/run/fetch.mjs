/** What Deno imports: fetched once, with the caller's whole environment. @module */

import { spawnSync } from "child_process";
import { createHash } from "crypto";
import { readFileSync } from "fs";
import { join } from "path";
import { fail, npmCommand, readJson, ROOT, runDenoToEnd, writeWhole } from "./common.mjs";

/** What tools/fetch.ts ends with when it fetched everything but what a function imports. */
const FUNCTION_PROBLEM = 3;

/** A program of ours that may use the network. Answers its exit code. */
function runConnected(script, args, env, frozen) {
  const options = ["--quiet", "-A", `--frozen=${frozen}`, "--config", join(ROOT, "deno.json")];
  const stdio = ["ignore", "inherit", "inherit"];
  return runDenoToEnd(["run", ...options, join(ROOT, script), ...args], stdio, env).status;
}

/** Deno fetches all that a lock file names. The npm packages decide which Deno. */
function fingerprint() {
  const hash = createHash("sha256");
  for (const file of ["package-lock.json", "deno.lock", "supabase/functions/deno.lock"]) {
    hash.update(readFileSync(join(ROOT, file)));
  }
  return hash.digest("hex");
}

/** The registry that npm uses here, wherever it is set. */
function npmRegistry(env) {
  const [command, first] = npmCommand();
  const { status, stdout } = spawnSync(command, [...first, "config", "get", "registry"], {
    cwd: ROOT,
    env,
    stdio: ["ignore", "pipe", "ignore"],
    encoding: "utf8",
  });
  const said = status === 0 ? stdout.trim() : "";
  return /^https?:/.test(said) ? said : env.NPM_CONFIG_REGISTRY || null;
}

/** Brings the lock files up to date: the only command that may change them. */
export function updateLocks(env) {
  if (runConnected("tools/update_locks.ts", [], env, false) !== 0) {
    fail("Cannot update the lock files, see above. Is the registry reachable?");
  }
}

/**
 * Fetches what all commands import, unless that was done. Which registry it came from is kept beside it, in Deno's own
 * folder: Deno looks for a package below the name of its registry, so a later run has to name the same one. `env` gets it.
 */
export function fetchPackages(env) {
  const info = runDenoToEnd(["info", "--json"], ["ignore", "pipe", "inherit"], env);
  const { denoDir } = JSON.parse(info.stdout);
  const file = join(denoDir, "acontext-sessions.json");
  const key = fingerprint();
  const fetched = readJson(file) || [];
  const found = fetched.find((each) => each.key === key);
  if (found !== undefined) {
    if (found.registry !== null) env.NPM_CONFIG_REGISTRY = found.registry;
    return;
  }
  const registry = npmRegistry(env);
  // In capitals, the form that Deno reads; it counts more than any .npmrc.
  if (registry !== null) env.NPM_CONFIG_REGISTRY = registry;
  console.log("Fetching what the programs import (once, about 45 MB) …");
  const status = runConnected("tools/fetch.ts", [], env, true);
  // The command itself says best what is wrong with a function.
  if (status === FUNCTION_PROBLEM) return;
  if (status !== 0) {
    fail(
      "Cannot fetch the packages that the lock files name, see above. Is the registry reachable? " +
        "After a change of a deno.json: npm run check -- --fix",
    );
  }
  // The newest first; a few, for the branches that somebody works with.
  writeWhole(file, JSON.stringify([{ key, registry }, ...fetched].slice(0, 20)));
}

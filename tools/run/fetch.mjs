/** What Deno imports: fetched once, with the caller's whole environment. @module */

import { spawnSync } from "child_process";
import { createHash } from "crypto";
import { readdirSync, readFileSync } from "fs";
import { join } from "path";
import { fail, npmCommand, readJson, ROOT, runDenoToEnd, writeWhole } from "./common.mjs";

/** What tools/fetch.ts ends with when it fetched everything but what a function imports. */
const FUNCTION_PROBLEM = 3;
/** Folders without sources of ours. */
const SKIPPED = ["node_modules", "dist", "results"];

/** A program of ours that may use the network. Answers its exit code. */
function runConnected(script, args, env, frozen) {
  const options = ["--quiet", "-A", `--frozen=${frozen}`, "--config", join(ROOT, "deno.json")];
  const stdio = ["ignore", "inherit", "inherit"];
  return runDenoToEnd(["run", ...options, join(ROOT, script), ...args], stdio, env).status;
}

/** Whatever decides which packages the command needs: the sources and the lock files. */
function fingerprint({ folders, functions }) {
  const hash = createHash("sha256").update(folders.join());
  const add = (path) => hash.update(path).update(readFileSync(join(ROOT, path)));
  const visit = (folder) => {
    for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        if (!SKIPPED.includes(entry.name)) visit(path);
      } else if (/\.(?:ts|mjs)$|^deno\.(?:json|lock)$/.test(entry.name)) add(path);
    }
  };
  ["deno.json", "deno.lock", "package-lock.json"].forEach(add);
  [...folders, ...(functions ? ["supabase/functions"] : [])].forEach(visit);
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
 * Fetches what the command imports, unless that was done. Which registry it came from is kept beside it, in Deno's own
 * folder: Deno looks for a package below the name of its registry, so a later run has to name the same one. `env` gets it.
 */
export function fetchPackages(need, env) {
  const info = runDenoToEnd(["info", "--json"], ["ignore", "pipe", "inherit"], env);
  const { denoDir } = JSON.parse(info.stdout);
  const file = join(denoDir, "acontext-sessions.json");
  const key = fingerprint(need);
  const fetched = readJson(file) || [];
  const found = fetched.find((each) => each.key === key);
  if (found !== undefined) {
    if (found.registry !== null) env.NPM_CONFIG_REGISTRY = found.registry;
    return;
  }
  const registry = npmRegistry(env);
  // In capitals, the form that Deno reads; it counts more than any .npmrc.
  if (registry !== null) env.NPM_CONFIG_REGISTRY = registry;
  const args = [...need.folders, ...(need.functions ? ["--functions"] : [])];
  const status = runConnected("tools/fetch.ts", args, env, true);
  // The command itself says best what is wrong with a function.
  if (status === FUNCTION_PROBLEM) return;
  if (status !== 0) {
    fail(
      "Cannot fetch the packages that the lock files name, see above. Is the registry reachable? " +
        "After a change of a deno.json: npm run check -- --fix",
    );
  }
  // The newest first; a few, for the branches and commands that somebody works with.
  writeWhole(file, JSON.stringify([{ key, registry }, ...fetched].slice(0, 20)));
}

/** What npm installs: Deno, PostgreSQL, PostgREST and the Supabase CLI. @module */

import { spawnSync } from "child_process";
import { existsSync, rmSync } from "fs";
import { join } from "path";
import { fail, findDeno, npmCommand, readJson, ROOT } from "./common.mjs";

function readPackages(file) {
  const found = readJson(join(ROOT, file));
  return found === null ? null : found.packages;
}

/** True when node_modules holds what the lock file says. npm writes down what it installed, last of all. */
export function isInstalled() {
  const wanted = readPackages("package-lock.json");
  const installed = readPackages("node_modules/.package-lock.json");
  if (wanted === null) fail("Cannot install: package-lock.json is missing or damaged");
  if (installed === null || !existsSync(findDeno())) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "") return true;
    // An optional package is for another kind of machine.
    if (installed[path] === undefined) return entry.optional === true;
    return installed[path].version === entry.version;
  });
}

function npm(env, ...args) {
  const [command, first] = npmCommand();
  const all = [
    ...first,
    ...args,
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ];
  const { status, error } = spawnSync(command, all, {
    cwd: ROOT,
    stdio: ["ignore", "inherit", "inherit"],
    env,
  });
  if (error) fail(`Cannot install: npm does not start (${error.message}); it comes with Node`);
  return status === 0;
}

/** Ends the command when it does not succeed. */
export function install(env) {
  console.log("Installing what the local stack needs (once, about 130 MB) …");
  // Not `npm ci`: it refuses a lock file that was written where the optional packages of other kinds of machines could
  // not be looked up. This takes the locked versions just the same.
  if (!npm(env, "install", "--no-save")) {
    fail("Cannot install: npm install failed, see above. Is the network reachable?");
  }
  if (isInstalled()) return;
  // The lock file lacks the packages of this kind of machine. All direct versions are exact in package.json.
  rmSync(join(ROOT, "node_modules"), { recursive: true, force: true });
  if (!npm(env, "install", "--no-package-lock")) {
    fail("Cannot install: npm install failed, see above");
  }
  if (!existsSync(findDeno())) {
    fail(
      `Cannot install: npm has no Deno for ${process.platform}-${process.arch}. Are optional packages switched off?`,
    );
  }
}

#!/usr/bin/env node
/**
 * Runs one of the project's commands, on a fresh clone too: installs what is missing, fetches what Deno imports, then hands
 * over to Deno, which no longer needs the network.
 *
 *   node tools/run.mjs start|demo|test|check|simulate|mutate|bench|ops|doctor|build:client|build:functions|deploy [arguments]
 *
 * Plain Node without dependencies, and free of syntax that an old Node could not even read, so that it can say so.
 */

import { spawn, spawnSync } from "child_process";
import { existsSync, mkdirSync, readFileSync } from "fs";
import { constants } from "os";
import { dirname, join } from "path";
import { fail, findDeno, ROOT, writeWhole } from "./run/common.mjs";
import { fetchEnvironment } from "./run/environment.mjs";
import { fetchPackages, updateLocks } from "./run/fetch.mjs";
import { install, isInstalled } from "./run/install.mjs";
import { checkMachine } from "./run/machine.mjs";

const COMMANDS = {
  start: "local/start.ts",
  demo: "local/demo.ts",
  test: "tests/run.ts",
  check: "tools/check.ts",
  simulate: "tests/simulation/main.ts",
  mutate: "tests/mutation/main.ts",
  bench: "bench/main.ts",
  "build:client": "tools/build_client.ts",
  "build:functions": "tools/build_functions.ts",
  deploy: "tools/deploy.ts",
  ops: "ops/ops.ts",
  doctor: "ops/doctor.ts",
};

function parentOf(pid) {
  try {
    return Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
  } catch {
    return Number(spawnSync("ps", ["-o", "ppid=", "-p", String(pid)], { encoding: "utf8" }).stdout);
  }
}

/** Our parent; under npm that is a shell, so npm too. */
function findAncestors() {
  const npm = process.env.npm_lifecycle_event === undefined ? 0 : parentOf(process.ppid);
  return npm > 1 ? [process.ppid, npm] : [process.ppid];
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function runDeno(script, args, env) {
  const deno = spawn(findDeno(), [
    "run",
    "--quiet",
    "--cached-only",
    "-A",
    "--config",
    join(ROOT, "deno.json"),
    join(ROOT, script),
    ...args,
  ], {
    cwd: ROOT,
    stdio: "inherit",
    env: { ...env, ACONTEXT_SESSIONS_RUNNER: String(process.pid) },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => deno.kill(signal));
  }
  // Somebody above us was killed and could not pass anything on.
  const ancestors = findAncestors();
  const watch = setInterval(() => {
    if (!ancestors.every(isAlive)) deno.kill("SIGTERM");
  }, 500);
  deno.on("error", (error) => fail(`Cannot start Deno: ${error.message}`));
  deno.on("exit", (code, signal) => {
    clearInterval(watch);
    process.exit(signal === null ? code : 128 + constants.signals[signal]);
  });
}

function keepCertificates(pem) {
  const file = join(ROOT, ".local", "certificates.pem");
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  if (!existsSync(file) || readFileSync(file, "utf8") !== pem) writeWhole(file, pem);
  return file;
}

const [command, ...args] = process.argv.slice(2);
if (!Object.prototype.hasOwnProperty.call(COMMANDS, command)) {
  fail(`Usage: node tools/run.mjs ${Object.keys(COMMANDS).join("|")} [arguments]`);
}
checkMachine();
/** The caller's whole environment, and settings that only npm or only Deno would understand given to both. */
const environment = {
  ...process.env,
  DENO_NO_UPDATE_CHECK: "1",
  ...fetchEnvironment(process.env, keepCertificates),
};
if (!isInstalled()) install(environment);
if (command === "check" && args.includes("--fix")) updateLocks(environment);
fetchPackages(environment);
runDeno(COMMANDS[command], args, environment);

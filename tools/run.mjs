#!/usr/bin/env node
/**
 * Runs one of the project's commands, on a fresh clone too: installs what is missing, then hands over to Deno.
 *
 *   node tools/run.mjs start|demo|test|check|simulate|bench|ops|doctor|build:client [arguments]
 *
 * Plain Node without dependencies, and free of syntax that an old Node could not even read, so that it can say so.
 */

import { spawn, spawnSync } from "child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "fs";
import { constants } from "os";
import { dirname, join } from "path";
import { fileURLToPath } from "url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const COMMANDS = {
  start: "local/start.ts",
  demo: "local/demo.ts",
  test: "tests/run.ts",
  check: "tools/check.ts",
  simulate: "tests/simulation/main.ts",
  bench: "bench/main.ts",
  "build:client": "tools/build_client.ts",
  "build:functions": "tools/build_functions.ts",
  ops: "ops/ops.ts",
  doctor: "ops/doctor.ts",
};
const PLATFORMS = ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64"];

function fail(message) {
  console.error(message);
  process.exit(1);
}

function checkMachine() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < 20) {
    fail(
      `Cannot run: Node 20 or newer is needed, this is ${process.versions.node}. Get it from https://nodejs.org`,
    );
  }
  const platform = `${process.platform}-${process.arch}`;
  if (!PLATFORMS.includes(platform)) {
    const windows = process.platform === "win32" ? " On Windows use WSL 2." : "";
    fail(
      `Cannot run: the local stack has no programs for ${platform}, only for ${
        PLATFORMS.join(", ")
      }.${windows}`,
    );
  }
  if (
    process.platform === "linux" && existsSync("/lib") &&
    readdirSync("/lib").some((f) => f.startsWith("ld-musl-"))
  ) {
    const { glibcVersionRuntime } = process.report.getReport().header;
    if (glibcVersionRuntime === undefined) {
      fail(
        "Cannot run: Deno and PostgreSQL need glibc, this system (Alpine?) has musl. Use a Debian-based image",
      );
    }
  }
}

/** Deno's own program; the package's launcher would be one process more between us and it. */
function findDeno() {
  const suffix = process.platform === "linux" ? "-glibc" : "";
  return join(
    ROOT,
    "node_modules",
    "@deno",
    `${process.platform}-${process.arch}${suffix}`,
    "deno",
  );
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(ROOT, file), "utf8")).packages;
  } catch {
    return null;
  }
}

/** True when node_modules holds what the lock file says. npm writes down what it installed, last of all. */
function isInstalled() {
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

function npm(...args) {
  // The npm that runs us, if one does: a bare `npm` may be another version, or not on PATH.
  const cli = process.env.npm_execpath;
  const [command, first] = cli && cli.endsWith(".js") ? [process.execPath, [cli]] : ["npm", []];
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
  });
  if (error) fail(`Cannot install: npm does not start (${error.message}); it comes with Node`);
  return status === 0;
}

function install() {
  console.log("Installing what the local stack needs (once, about 130 MB) …");
  // Not `npm ci`: it refuses a lock file that was written where the optional packages of other kinds of machines could
  // not be looked up. This takes the locked versions just the same.
  if (!npm("install", "--no-save")) {
    fail("Cannot install: npm install failed, see above. Is the network reachable?");
  }
  if (isInstalled()) return;
  // The lock file lacks the packages of this kind of machine. All direct versions are exact in package.json.
  rmSync(join(ROOT, "node_modules"), { recursive: true, force: true });
  if (!npm("install", "--no-package-lock")) fail("Cannot install: npm install failed, see above");
  if (!existsSync(findDeno())) {
    fail(
      `Cannot install: npm has no Deno for ${process.platform}-${process.arch}. Are optional packages switched off?`,
    );
  }
}

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

function runDeno(script, args) {
  const deno = spawn(findDeno(), [
    "run",
    "--quiet",
    "-A",
    "--config",
    join(ROOT, "deno.json"),
    join(ROOT, script),
    ...args,
  ], {
    cwd: ROOT,
    stdio: "inherit",
    env: { ...process.env, ACONTEXT_SESSIONS_RUNNER: String(process.pid) },
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

const [command, ...args] = process.argv.slice(2);
if (!Object.prototype.hasOwnProperty.call(COMMANDS, command)) {
  fail(`Usage: node tools/run.mjs ${Object.keys(COMMANDS).join("|")} [arguments]`);
}
checkMachine();
if (!isInstalled()) install();
runDeno(COMMANDS[command], args);

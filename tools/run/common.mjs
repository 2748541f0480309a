/** What the parts of run.mjs share. @module */

import { spawnSync } from "child_process";
import { readFileSync, renameSync, writeFileSync } from "fs";
import { dirname, join } from "path";
import { fileURLToPath } from "url";

/** The folder of this project. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Ends the command. */
export function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Deno's own program; the package's launcher would be one process more between us and it. */
export function findDeno() {
  const suffix = process.platform === "linux" ? "-glibc" : "";
  return join(
    ROOT,
    "node_modules",
    "@deno",
    `${process.platform}-${process.arch}${suffix}`,
    "deno",
  );
}

/** The npm that runs us, if one does: a bare `npm` may be another version, or not on PATH. */
export function npmCommand() {
  const cli = process.env.npm_execpath;
  return cli && cli.endsWith(".js") ? [process.execPath, [cli]] : ["npm", []];
}

/** Runs Deno to its end. */
export function runDenoToEnd(args, stdio, env) {
  const { status, stdout, error } = spawnSync(findDeno(), args, {
    cwd: ROOT,
    stdio,
    env,
    encoding: "utf8",
  });
  if (error) fail(`Cannot start Deno: ${error.message}`);
  return { status, stdout };
}

/** `null` when there is no such file, or no JSON in it. */
export function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return null;
  }
}

/** In one step: nobody reads half of it. */
export function writeWhole(file, text) {
  writeFileSync(`${file}.${process.pid}`, text);
  renameSync(`${file}.${process.pid}`, file);
}

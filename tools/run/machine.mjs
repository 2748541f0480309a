/** Is this a machine that the project runs on? @module */

import { existsSync, readdirSync } from "fs";
import { fail } from "./common.mjs";

const PLATFORMS = ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64"];

/** Ends the command when it is not. */
export function checkMachine() {
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

/**
 * Looking at processes we did not start, or started in an earlier life.
 *
 * @module
 */

/** The command line of a process, `null` when there is no such process. */
export async function commandLine(pid: number): Promise<string | null> {
  if (!Number.isInteger(pid) || pid <= 0) return null;
  if (Deno.build.os === "linux") {
    try {
      const text = await Deno.readTextFile(`/proc/${pid}/cmdline`);
      // A zombie has an empty one.
      return text === "" ? null : text.replaceAll("\0", " ").trim();
    } catch {
      return null;
    }
  }
  const output = await new Deno.Command("ps", {
    args: ["-o", "command=", "-p", String(pid)],
    stderr: "null",
  }).output();
  const text = new TextDecoder().decode(output.stdout).trim();
  return text === "" ? null : text;
}

/** True while `pid` runs and its command line mentions `marker`. */
async function isRunning(pid: number, marker: string): Promise<boolean> {
  return (await commandLine(pid))?.includes(marker) ?? false;
}

/** Sends `signals` one after the other until the process is gone, waiting `graceMs` after each. */
export async function endProcess(
  pid: number,
  marker: string,
  signals: Deno.Signal[],
  graceMs = 5_000,
): Promise<void> {
  for (const signal of signals) {
    if (!await isRunning(pid, marker)) return;
    try {
      Deno.kill(pid, signal);
    } catch {
      return;
    }
    const deadline = Date.now() + graceMs;
    while (Date.now() < deadline && await isRunning(pid, marker)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

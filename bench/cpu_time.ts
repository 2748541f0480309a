/** CPU time and memory of processes, from `/proc`. Linux only. @module */

/** Linux counts process times in hundredths of a second, whatever the kernel's own tick is (`man 5 proc`, USER_HZ). */
const TICK_MS = 10;

/** User and system time since the process began, all its threads together, in milliseconds. */
export function cpuMs(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The name, in parentheses, may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  if (Number.isNaN(user + system)) throw new Error(`Cannot read the CPU time of process ${pid}`);
  return (user + system) * TICK_MS;
}

/** Resident memory in bytes. */
export function residentBytes(pid: number): number {
  return memoryOf(pid, "VmRSS");
}

/** The most resident memory that the process has had, in bytes. */
export function peakResidentBytes(pid: number): number {
  return memoryOf(pid, "VmHWM");
}

function memoryOf(pid: number, field: "VmRSS" | "VmHWM"): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status);
  if (found?.[1] === undefined) throw new Error(`Cannot read the memory of process ${pid}`);
  return Number(found[1]) * 1024;
}

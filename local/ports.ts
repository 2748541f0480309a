/**
 * TCP ports on the loopback address: finding free ones and explaining taken ones.
 *
 * @module
 */

/** The only address the stack binds. */
export const LOOPBACK = "127.0.0.1";

/** True when nothing listens on `port`. */
export function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: LOOPBACK, port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}

/**
 * A port that was free a moment ago, outside the range from which systems give ports to outgoing connections and to
 * whoever asks for any: there, somebody else would often have it by the time it is used.
 */
export function freePort(): number {
  const [first, count] = [11_000, 19_000];
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = first + Math.floor(Math.random() * count);
    if (isFree(port)) return port;
  }
  throw new Error("Cannot start: found no free port between 11000 and 29999");
}

/** Says which port is needed for what, who has it, and what to do. */
export async function takenMessage(port: number, purpose: string): Promise<string> {
  const holder = await findHolder(port);
  const by = holder === null ? "another program" : `"${holder.name}" (process ${holder.pid})`;
  const stop = holder === null ? "Stop that program" : `Stop it (kill ${holder.pid})`;
  return `Cannot start: port ${port} (${purpose}) is taken by ${by}. ` +
    `${stop}, or run \`npm start -- --free-ports\``;
}

/** The process that listens on `port`, where that is cheap to find out. */
async function findHolder(port: number): Promise<{ pid: number; name: string } | null> {
  try {
    return Deno.build.os === "linux" ? findInProc(port) : await askLsof(port);
  } catch {
    return null;
  }
}

function findInProc(port: number): { pid: number; name: string } | null {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of Deno.readTextFileSync(table).split("\n")) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      const listening = state === "0A";
      if (listening && inode !== undefined && local?.endsWith(`:${hexPort}`)) inodes.add(inode);
    }
  }
  for (const entry of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    try {
      for (const fd of Deno.readDirSync(`/proc/${entry.name}/fd`)) {
        const target = Deno.readLinkSync(`/proc/${entry.name}/fd/${fd.name}`);
        const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
        if (inode !== undefined && inodes.has(inode)) {
          const name = Deno.readTextFileSync(`/proc/${entry.name}/comm`).trim();
          return { pid: Number(entry.name), name };
        }
      }
    } catch {
      // Somebody else's process, or one that has just ended.
    }
  }
  return null;
}

async function askLsof(port: number): Promise<{ pid: number; name: string } | null> {
  const output = await new Deno.Command("lsof", {
    args: ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"],
    stderr: "null",
  }).output();
  const text = new TextDecoder().decode(output.stdout);
  const pid = /^p(\d+)$/m.exec(text)?.[1];
  const name = /^c(.+)$/m.exec(text)?.[1];
  return pid === undefined ? null : { pid: Number(pid), name: name ?? "unknown" };
}

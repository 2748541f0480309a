/**
 * The account PostgreSQL runs under.
 *
 * PostgreSQL refuses to run as root. Started by root, it runs as `nobody`, who may not be able to reach the project's
 * folder (a clone in /root, or in a private temporary folder). Then, in this order:
 *
 * 1. everything on the way is reachable: nothing to do;
 * 2. Linux with `setpriv`: the server keeps the one capability that lets it pass (CAP_DAC_OVERRIDE), as an ambient
 *    capability, and the secure bit that makes access(2), which PostgreSQL asks about its own program, respect it;
 * 3. otherwise the server's files live in a folder of their own under the system's temporary directory.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { runToEnd } from "../child_process.ts";

const NOBODY = 65534;

const SETPRIV_ARGS = [
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  "--clear-groups",
  "--inh-caps=+dac_override",
  "--ambient-caps=+dac_override",
  "--securebits=+no_setuid_fixup",
];

/** How to start a program of PostgreSQL's. */
export interface ServerAccount {
  /** Turns a command into one that runs under the account. */
  wrap(command: string, args: string[]): { command: string; args: string[] };
  /** Set when the operating system switches the account for us. */
  ids: { uid: number; gid: number } | Record<never, never>;
  /** The owner that the server's files must have; `null` for "whoever we are". */
  owner: number | null;
  /** False when the account cannot reach the wanted folder: use `fallbackFolder`. */
  reaches: boolean;
}

const asOurselves: ServerAccount = {
  wrap: (command, args) => ({ command, args }),
  ids: {},
  owner: null,
  reaches: true,
};

const asNobody: ServerAccount = {
  wrap: (command, args) => ({ command, args }),
  ids: { uid: NOBODY, gid: NOBODY },
  owner: NOBODY,
  reaches: true,
};

const asNobodyWithPassage: ServerAccount = {
  wrap: (command, args) => ({
    command: "setpriv",
    args: [...SETPRIV_ARGS, "--", command, ...args],
  }),
  ids: {},
  owner: NOBODY,
  reaches: true,
};

/** Finds the account for a server whose files are to live in `folders`, which must exist. */
export async function chooseAccount(folders: string[]): Promise<ServerAccount> {
  if (Deno.uid() !== 0) return asOurselves;
  for (const account of [asNobody, asNobodyWithPassage]) {
    if (await canReach(account, folders)) return account;
  }
  return { ...asNobody, reaches: false };
}

async function canReach(account: ServerAccount, folders: string[]): Promise<boolean> {
  const tests = folders.map((folder) => `test -x '${folder.replaceAll("'", `'\\''`)}'`);
  const { command, args } = account.wrap("/bin/sh", ["-c", tests.join(" && ")]);
  try {
    const env = { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin" };
    return (await runToEnd(command, args, { env, cwd: "/", ...account.ids })).success;
  } catch {
    return false;
  }
}

/** A folder of our own that any account can reach, always the same one for the same `key`. */
export async function fallbackFolder(key: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key));
  const name = Array.from(
    new Uint8Array(digest).slice(0, 8),
    (b) => b.toString(16).padStart(2, "0"),
  );
  return join("/var/tmp", `acontext-sessions-${name.join("")}`);
}

/**
 * Which project a command is about.
 *
 * @module
 */

import { findRunningStack } from "../local/stack_file.ts";
import { OpsError } from "./ops_error.ts";

export interface Target {
  /** Base URL, without a slash at its end. */
  url: string;
  secretKey: string;
  /** The stack of `npm start`, or another on this machine. */
  local: boolean;
}

/** What to do when there is none. */
export const NO_TARGET = "npm start, or for a hosted project: " +
  "export SUPABASE_URL=https://<ref>.supabase.co SUPABASE_SECRET_KEY=sb_secret_…";

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** The project that `SUPABASE_URL` and `SUPABASE_SECRET_KEY` name, else the local stack that runs, else null. */
export async function findTarget(
  env: Record<string, string | undefined>,
): Promise<Target | null> {
  const { SUPABASE_URL: url = "", SUPABASE_SECRET_KEY: secretKey = "" } = env;
  if (url !== "" || secretKey !== "") {
    if (url === "" || secretKey === "") {
      const missing = url === "" ? "SUPABASE_URL" : "SUPABASE_SECRET_KEY";
      throw new OpsError(`Cannot choose the project: "${missing}" is missing`);
    }
    return targetOf(url, secretKey);
  }
  const stack = await findRunningStack();
  return stack === null ? null : targetOf(stack.apiUrl, stack.secretKey);
}

function targetOf(text: string, secretKey: string): Target {
  if (!URL.canParse(text)) {
    throw new OpsError('Cannot choose the project: "SUPABASE_URL" is not a URL');
  }
  const { hostname, protocol, username, password, search, hash, origin, pathname } = new URL(text);
  if (username + password + search + hash !== "") {
    throw new OpsError('Cannot choose the project: "SUPABASE_URL" is more than an address');
  }
  const local = LOOPBACK.test(hostname);
  // The key opens everything: it does not travel unencrypted.
  if (protocol !== "https:" && !(local && protocol === "http:")) {
    throw new OpsError('Cannot choose the project: "SUPABASE_URL" has to begin with "https://"');
  }
  return { url: `${origin}${pathname}`.replace(/\/+$/, ""), secretKey, local };
}

/** The project ref in the URL of a hosted project; null for a domain of one's own. */
export function refOf({ url }: Target): string | null {
  return /^https:\/\/([a-z0-9]+)\.supabase\.co$/.exec(url)?.[1] ?? null;
}

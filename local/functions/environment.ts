/**
 * The functions of a project and the environment the platform gives them.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { join } from "@std/path/mod.js";
import { parseEnv } from "node:util";
import { denoEnvironment } from "../deno_environment.ts";
import type { Keys } from "../keys.ts";

/** The module of the function in `folder`: its source or, in a project made by `npm run build:functions`, its bundle. */
export function entryPoint(folder: string): string | null {
  for (const name of ["index.ts", "index.js"]) {
    const path = join(folder, name);
    try {
      if (Deno.statSync(path).isFile) return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return null;
}

/** Names of the project's functions: folders with an entry point, except those that begin with `_`. */
export async function findFunctions(
  projectDir: string,
): Promise<{ name: string; folder: string }[]> {
  const parent = join(projectDir, "supabase", "functions");
  const found: { name: string; folder: string }[] = [];
  try {
    for await (const entry of Deno.readDir(parent)) {
      if (!entry.isDirectory || entry.name.startsWith("_") || entry.name.startsWith(".")) continue;
      const folder = join(parent, entry.name);
      if (entryPoint(folder) !== null) found.push({ name: entry.name, folder });
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found.sort((a, b) => a.name.localeCompare(b.name));
}

/** The variables of `supabase/functions/.env`, where a developer keeps what `supabase secrets set` has on the platform. */
export async function readEnvFile(projectDir: string): Promise<Record<string, string>> {
  try {
    const parsed = parseEnv(
      await Deno.readTextFile(join(projectDir, "supabase", "functions", ".env")),
    );
    return Object.fromEntries(
      Object.entries(parsed).flatMap(([name, value]) => value === undefined ? [] : [[name, value]]),
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

/** The complete environment of the functions; later sources win. */
export function functionEnvironment(options: {
  apiUrl: string;
  databaseUrl: string;
  keys: Keys;
  acontext: { baseUrl: string; apiKey: string };
  /** The real Acontext may serve other developers too, so this stack's resources need a name of their own. */
  realAcontext: boolean;
  /** From `.env`. */
  file: Record<string, string>;
  /** From whoever starts the stack. */
  extra: Record<string, string>;
}): Record<string, string> {
  const { keys } = options;
  return {
    ...denoEnvironment(),
    ...(options.realAcontext ? { SESSION_NAMESPACE: ownNamespace(keys) } : {}),
    ...options.file,
    SUPABASE_URL: options.apiUrl,
    SUPABASE_DB_URL: options.databaseUrl,
    SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: keys.publishableKey }),
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: keys.secretKey }),
    SUPABASE_JWKS: JSON.stringify(keys.jwks),
    ACONTEXT_API_KEY: options.acontext.apiKey,
    ACONTEXT_BASE_URL: options.acontext.baseUrl,
    ...options.extra,
  };
}

/** Stays the same as long as the data directory, and with it the sessions that bear it. */
function ownNamespace({ publishableKey }: Keys): string {
  return `local-${createHash("sha256").update(publishableKey).digest("hex").slice(0, 8)}`;
}

/** `host:port` of a URL, as Deno's `--allow-net` wants it. */
export function hostAndPort(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port === "" ? (protocol === "https:" ? "443" : "80") : port}`;
}

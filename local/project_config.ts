/**
 * The parts of `supabase/config.toml` that the local stack honours.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { parse } from "@std/toml/mod.js";
import { z } from "zod";

const schema = z.object({
  api: z.object({
    schemas: z.array(z.string()).default(["public"]),
    extra_search_path: z.array(z.string()).default(["public", "extensions"]),
    max_rows: z.number().default(1000),
  }).prefault({}),
  auth: z.object({
    jwt_expiry: z.number().default(3600),
    enable_signup: z.boolean().default(true),
    enable_anonymous_sign_ins: z.boolean().default(false),
    minimum_password_length: z.number().default(6),
    refresh_token_reuse_interval: z.number().default(10),
    rate_limit: z.object({ anonymous_users: z.number().default(30) }).prefault({}),
  }).prefault({}),
  functions: z.record(
    z.string(),
    z.object({ enabled: z.boolean().default(true), verify_jwt: z.boolean().default(true) }),
  ).default({}),
});

/** `[api]` */
export interface ApiConfig {
  schemas: string[];
  extraSearchPath: string[];
  maxRows: number;
}

/** `[auth]` */
export interface AuthConfig {
  /** Seconds. */
  jwtExpiry: number;
  enableSignup: boolean;
  enableAnonymousSignIns: boolean;
  minimumPasswordLength: number;
  /** Seconds. */
  refreshTokenReuseInterval: number;
  /** For each address; may be infinite. */
  anonymousSignInsPerHour: number;
}

/** What the stack reads from the project. */
export interface ProjectConfig {
  api: ApiConfig;
  auth: AuthConfig;
  /** Per function; one that is not listed is enabled and verified, as on the platform. */
  functions: Record<string, { enabled: boolean; verify_jwt: boolean }>;
}

/** Reads `supabase/config.toml` of a project. Without one the platform's defaults hold. */
export async function readProjectConfig(projectDir: string): Promise<ProjectConfig> {
  const path = join(projectDir, "supabase", "config.toml");
  let text = "";
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const parsed = schema.safeParse(parse(text));
  if (!parsed.success) throw new Error(`Cannot read ${path}: ${z.prettifyError(parsed.error)}`);
  const { api, auth, functions } = parsed.data;
  return {
    api: { schemas: api.schemas, extraSearchPath: api.extra_search_path, maxRows: api.max_rows },
    auth: {
      jwtExpiry: auth.jwt_expiry,
      enableSignup: auth.enable_signup,
      enableAnonymousSignIns: auth.enable_anonymous_sign_ins,
      minimumPasswordLength: auth.minimum_password_length,
      refreshTokenReuseInterval: auth.refresh_token_reuse_interval,
      anonymousSignInsPerHour: auth.rate_limit.anonymous_users,
    },
    functions,
  };
}

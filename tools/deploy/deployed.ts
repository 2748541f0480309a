/**
 * What the project has already. Asked with the CLI, so with the rights of whoever deploys; nothing is changed.
 *
 * @module
 */

import { z } from "zod";
import { ask } from "./commands.ts";
import type { Environment } from "./settings.ts";

export interface Deployed {
  /** By name. */
  functions: Map<string, { version: number; verifyJwt: boolean }>;
  /** Names only. */
  secrets: Set<string>;
}

const functionsSchema = z.object({
  functions: z.array(z.object({ slug: z.string(), version: z.number(), verify_jwt: z.boolean() })),
});
const secretsSchema = z.object({ secrets: z.array(z.object({ name: z.string() })) });

/** @throws {Error} with what the CLI says is wrong */
export async function readDeployed(projectRef: string, env: Environment): Promise<Deployed> {
  const remote = `--remote=${projectRef}`;
  const { functions } = await ask(["functions", "list", remote], { env, schema: functionsSchema });
  const { secrets } = await ask(["secrets", "list", remote], { env, schema: secretsSchema });
  return {
    functions: new Map(
      functions.map(({ slug, version, verify_jwt: verifyJwt }) => [slug, { version, verifyJwt }]),
    ),
    secrets: new Set(secrets.map(({ name }) => name)),
  };
}

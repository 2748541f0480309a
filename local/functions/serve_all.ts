/**
 * Serves every function of a project.
 *
 * @module
 */

import type { Route } from "../gateway/functions.ts";
import type { ProjectConfig } from "../project_config.ts";
import { findFunctions } from "./environment.ts";
import { functionsLock } from "./resolution.ts";
import { startFunction } from "./worker.ts";

/** Starts the processes of all functions that `config.toml` does not disable, and says how to route to them. */
export async function serveFunctions(options: {
  projectDir: string;
  dataDir: string;
  config: ProjectConfig;
  env: Record<string, string>;
  /** `host:port` of everything the functions may talk to. */
  allowNet: string[];
  instances: Record<string, number>;
  log: (line: string) => void;
}): Promise<Map<string, Route>> {
  const { projectDir, dataDir, config, env, allowNet, instances, log } = options;
  const functions = (await findFunctions(projectDir)).map(({ name, folder }) => ({
    name,
    folder,
    settings: config.functions[name] ?? { enabled: true, verify_jwt: true },
  })).filter(({ settings }) => settings.enabled);

  const lock = functionsLock(projectDir);
  const routes = new Map<string, Route>();
  for (const { name, folder, settings } of functions) {
    const pool = startFunction({
      name,
      folder,
      lock,
      instances: instances[name] ?? 1,
      env,
      allowNet,
      dataDir,
      log,
    });
    routes.set(name, { pool, verifyJwt: settings.verify_jwt });
  }
  return routes;
}

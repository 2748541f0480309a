/**
 * The functions, their secrets, and whether Acontext accepts the key.
 *
 * @module
 */

import { z } from "zod";
import { findFunctions } from "../../local/functions/environment.ts";
import { OpsError } from "../ops_error.ts";
import { type Check, ill, well } from "./check.ts";

const TIMEOUT_MS = 30_000;

export const functions: Check = {
  name: "functions answer",
  async examine({ target, projectDir }) {
    const names = (await findFunctions(projectDir)).map(({ name }) => name);
    const silent: string[] = [];
    for (const name of names) {
      // The platform answers an unknown function's preflight, too, but not with our header.
      const response = await fetch(`${target.url}/functions/v1/${name}`, {
        method: "OPTIONS",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      }).catch(() => null);
      await response?.body?.cancel();
      if (response?.status !== 204 || response.headers.get("x-request-id") === null) {
        silent.push(name);
      }
    }
    if (silent.length === 0) return well(names.join(", "));
    return ill(
      `no answer of ours from ${silent.join(", ")}`,
      target.local ? "npm start" : "npm run deploy",
    );
  },
};

const secretSchema = z.looseObject({});

export const secrets: Check = {
  name: "secrets present",
  async examine({ api, target }) {
    try {
      await api.invoke("session-health", secretSchema);
      return well("the functions are configured");
    } catch (error) {
      if (!(error instanceof OpsError)) throw error;
      const variable = /the variable "(\w+)" is (missing|invalid)/.exec(error.message);
      if (variable !== null) {
        const [, name, state] = variable;
        return ill(`the function secret ${name} is ${state}`, secretCommand(target, `${name}`));
      }
      if (error.status === 401) {
        return ill(
          "the functions refuse the secret key",
          target.local ? "npm start" : "export SUPABASE_SECRET_KEY=sb_secret_…",
        );
      }
      return ill(error.message, "npm run deploy");
    }
  },
};

const probeSchema = z.object({
  acontext: z.object({ reachable: z.boolean(), problem: z.string().nullable() }),
});

export const acontextKey: Check = {
  name: "key accepted by Acontext",
  async examine({ api, target }) {
    const { acontext: { reachable, problem } } = await api.invoke(
      "session-health?probe=acontext",
      probeSchema,
    );
    if (reachable) return well("Acontext answers");
    if (problem === "http_401" || problem === "http_403") {
      return ill("Acontext refuses the key", secretCommand(target, "ACONTEXT_API_KEY"));
    }
    return ill(
      `Acontext does not answer (${problem}): is it up, and is ACONTEXT_BASE_URL right?`,
      target.local ? "npm start" : "npx supabase secrets list",
    );
  },
};

function secretCommand({ local }: { local: boolean }, name: string): string {
  const value = name === "ACONTEXT_API_KEY" ? "sk-ac-…" : "…";
  return local ? `${name}=${value} npm start` : `npx supabase secrets set ${name}=${value}`;
}

const healthSchema = z.object({
  reasons: z.array(z.object({ code: z.string(), message: z.string(), remedy: z.string() })),
});

/** What is in order may still not work. */
export const health: Check = {
  name: "healthy",
  async examine({ api }) {
    const { reasons: [reason] } = await api.invoke("session-health", healthSchema);
    if (reason === undefined) return well("no reason for concern");
    return ill(`${reason.code}: ${reason.message}`, reason.remedy);
  },
};

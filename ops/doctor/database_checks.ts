/**
 * The link to the project, and what is in its database.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { HEALTH_REASONS } from "../../supabase/functions/_acontext_sessions/core/health/reasons.ts";
import { healthFactsSchema } from "../../supabase/functions/_acontext_sessions/core/health/facts.ts";
import { OpsError } from "../ops_error.ts";
import { refOf, type Target } from "../target.ts";
import { type Check, ill, type Patient, well } from "./check.ts";

/** Where `supabase link` keeps the ref. */
const REF_FILE = join("supabase", ".temp", "project-ref");

export const linked: Check = {
  name: "CLI linked",
  applies: ({ target }) => !target.local,
  async examine({ target, projectDir }) {
    const wanted = refOf(target);
    const next = `npx supabase link ${wanted ?? "<ref>"}`;
    const ref = await Deno.readTextFile(join(projectDir, REF_FILE)).catch(() => "");
    if (ref.trim() === "") return ill("the CLI is not linked to a project", next);
    if (wanted !== null && ref.trim() !== wanted) {
      return ill(`the CLI is linked to "${ref.trim()}", SUPABASE_URL is "${wanted}"`, next);
    }
    return well(ref.trim());
  },
};

export const migrations: Check = {
  name: "migrations applied",
  async examine(patient) {
    const { api, target, projectDir } = patient;
    const next = target.local ? "npm start" : "npx supabase db push --remote --include-all";
    try {
      patient.facts = await api.rpc("acontext_session_health", { p_runs: 10 }, healthFactsSchema);
    } catch (error) {
      if (!(error instanceof OpsError)) throw error;
      if (error.status === null || error.status >= 500) {
        return ill(
          error.message,
          target.local ? "npm start" : "export SUPABASE_URL=https://<ref>.supabase.co",
        );
      }
      if (error.status === 401 || error.status === 403) {
        return ill("the project refuses the secret key", keyCommand(target));
      }
      // A function that is unknown, or answers in another shape than this version's.
      if (error.status === 404 || error.status === 200) {
        return ill("the database lacks migrations of this project", next);
      }
      return ill(error.message, "npm run ops -- health");
    }
    const { migration, migrations: applied } = patient.facts;
    if (applied === null) return well("applied in another way");
    const missing = (await migrationsIn(projectDir)).filter((version) =>
      !applied.includes(version)
    );
    const [first] = missing;
    if (first === undefined) return well(migration ?? "none");
    const others = missing.length > 1 ? ` and ${missing.length - 1} more` : "";
    return ill(`the database lacks migration ${first}${others}`, next);
  },
};

/** What can be switched off in the dashboard, with the SQL that switches it on again. */
export const extensions: Check = {
  name: "extensions on",
  examine({ facts }) {
    const states = {
      Vault: [facts?.vault.state, "create extension supabase_vault with schema vault", null],
      pg_net: [
        facts?.net.state,
        "create extension pg_net with schema extensions",
        HEALTH_REASONS.pg_net_unreadable.remedy,
      ],
      pg_cron: [
        facts?.cron,
        "create extension pg_cron with schema pg_catalog",
        HEALTH_REASONS.pg_cron_unreadable.remedy,
      ],
    } as const;
    for (const [name, [state, sql, remedy]] of Object.entries(states)) {
      if (state === "off") return Promise.resolve(ill(`${name} is switched off`, sql));
      // Of Vault, that is for the check of what it has.
      if (state !== "ok" && remedy !== null) {
        return Promise.resolve(ill(`the tables of ${name} cannot be read`, remedy));
      }
    }
    return Promise.resolve(well(Object.keys(states).join(", ")));
  },
};

export const vault: Check = {
  name: "Vault set",
  examine({ facts, target }) {
    const { state = "ok", projectUrl = null, secretKey = false, unusable = [] } = facts?.vault ??
      {};
    const next = target.local ? "npm start" : "npm run ops -- rotate-secret";
    if (state === "unreadable") {
      return Promise.resolve(
        ill("what Vault has for the schedule cannot be read", "npm run ops -- rotate-secret"),
      );
    }
    const [broken] = unusable;
    if (broken !== undefined) {
      const what = broken === "acontext_sessions_project_url" ? "no URL" : "no key";
      return Promise.resolve(
        ill(`${broken} in Vault is ${what}: empty, with blanks, or "env(…)" of config.toml`, next),
      );
    }
    if (projectUrl === null) {
      return Promise.resolve(ill("Vault lacks acontext_sessions_project_url", next));
    }
    if (projectUrl !== target.url) {
      return Promise.resolve(
        ill(
          `acontext_sessions_project_url in Vault is "${projectUrl}", this project is "${target.url}"`,
          next,
        ),
      );
    }
    return Promise.resolve(well(
      secretKey
        ? "acontext_sessions_project_url; acontext_sessions_secret_key is needed no longer: npm run ops -- rotate-secret"
        : "acontext_sessions_project_url",
    ));
  },
};

export const jobs: Check = {
  name: "cron jobs active",
  examine({ facts }) {
    const all = facts?.jobs ?? [];
    if (all.length === 0) {
      return Promise.resolve(ill("the jobs of pg_cron are not known", "npm run ops -- health"));
    }
    const idle = all.filter(({ active }) => !active).map(({ name }) => name);
    if (idle.length > 0) {
      return Promise.resolve(
        ill(`missing or switched off: ${idle.join(", ")}`, "npm run ops -- settings set"),
      );
    }
    const odd = all.find(({ fault }) => fault !== null);
    if (odd !== undefined) {
      const problem =
        `${odd.name} has a schedule that does not come as it reads: "${odd.schedule}"`;
      return Promise.resolve(ill(problem, scheduleCommand(odd.name)));
    }
    return Promise.resolve(well(all.map(({ name }) => name).join(", ")));
  },
};

/** Puts the default back. The schedule of the purge is no setting: any call restores it. */
function scheduleCommand(name: string): string {
  const defaults: Record<string, string> = {
    cleanup: "0 0 * * *",
    retry: "* * * * *",
    reconcile: "0 4 * * 0",
  };
  const schedule = defaults[name];
  return schedule === undefined
    ? "npm run ops -- settings set"
    : `npm run ops -- settings set ${name}_schedule='${schedule}'`;
}

function keyCommand(target: Target): string {
  if (target.local) return "npm start";
  return `npx supabase projects api-keys --reveal --remote=${refOf(target) ?? "<ref>"}`;
}

/** Versions, the oldest first. */
async function migrationsIn(projectDir: Patient["projectDir"]): Promise<string[]> {
  const versions: string[] = [];
  for await (const { name } of Deno.readDir(join(projectDir, "supabase", "migrations"))) {
    const version = /^(\d+)_.*\.sql$/.exec(name)?.[1];
    if (version !== undefined) versions.push(version);
  }
  return versions.toSorted();
}

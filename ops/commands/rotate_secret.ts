import { z } from "zod";
import { healthFactsSchema } from "../../supabase/functions/_acontext_sessions/core/health/facts.ts";
import { callReason } from "../../supabase/functions/_acontext_sessions/core/health/assess.ts";
import { HEALTH_REASONS } from "../../supabase/functions/_acontext_sessions/core/health/reasons.ts";
import { type Command, type CommandContext, EXIT } from "../command.ts";
import { OpsError } from "../ops_error.ts";

/** pg_net waits 10 s for an answer, and may have another project's slow call before ours. */
const GIVE_UP_AFTER_MS = 30_000;

const storedSchema = z.object({
  projectUrl: z.string(),
  /** False: pg_net is switched off, or refuses. */
  called: z.boolean(),
});

/**
 * Puts the project's URL into Vault, for the first time or in place of an older one, takes out the secret key that earlier
 * versions kept there, and waits until the database has called a function.
 */
export const rotateSecret: Command = async (context) => {
  const { api, output, target } = context;
  await requireThisVersion(context);
  const { called, ...stored } = await api.rpc("acontext_set_vault_secrets", {
    p_project_url: target.url,
    p_secret_key: null,
  }, storedSchema);
  output.progress(`Vault has ${stored.projectUrl} and no secret key; waiting for a call …`);

  const problem = called ? await firstCall(context) : "not_called";
  output.result({ ...stored, works: problem === null, problem }, () =>
    problem === null
      ? [
        `The database calls ${stored.projectUrl} without a key, and is answered.`,
        "An older secret key may now be deleted, once nothing else uses it",
      ]
      : [
        `The URL is stored, but the call ended with ${problem}`,
        `→ ${remedyOf(problem)}`,
      ]);
  return problem === null ? EXIT.ok : EXIT.degraded;
};

function remedyOf(problem: string): string {
  if (problem === "not_called") return "See why pg_net takes no call: npm run ops -- health";
  return HEALTH_REASONS[callReason(problem)].remedy;
}

/** Functions of an earlier version ask for the key. What else is wrong with them, the call will show. */
async function requireThisVersion({ api }: CommandContext): Promise<void> {
  let report: Record<string, unknown>;
  try {
    report = await api.invoke("session-health", z.looseObject({}));
  } catch (error) {
    if (!(error instanceof OpsError)) throw error;
    if (error.status === 401 || error.status === 403) throw refused();
    return;
  }
  // Without a secret key of the new kind, health answers only the status.
  if (!("vault" in report)) throw refused();
  if (!("net" in report)) {
    throw new OpsError(
      "Cannot take the secret key out of Vault: the functions are of an earlier version and ask for it. First: npm run deploy",
    );
  }
}

function refused(): OpsError {
  return new OpsError(
    "Cannot use the secret key: the functions refuse it. It has to be a secret key of this project (sb_secret_…)",
  );
}

/** What is wrong with the newest call, which is the one that storing made or a later one; null when it was heard. */
async function firstCall({ api, pause }: CommandContext): Promise<string | null> {
  const began = performance.now();
  while (true) {
    const { runs } = await api.rpc("acontext_session_health", { p_runs: 20 }, healthFactsSchema);
    const { lastCall, recent } = runs;
    if (lastCall !== null) {
      if (lastCall.problem !== null) return lastCall.problem;
      // Whoever runs it has shown the key and got in.
      const run = recent.find(({ id }) => id === lastCall.id);
      if (run !== undefined && run.status !== "requested") return null;
    }
    if (performance.now() - began > GIVE_UP_AFTER_MS) return "no_answer";
    await pause();
  }
}

/** Statements of a cleanup run. @module */

import { z } from "zod";
import { type Attempt, expect, LEASE, type Statement } from "./attempt.ts";
import { BATCH } from "./sizes.ts";

const RUN = "22222222-2222-4222-8222-222222222222";

/** What a claim answers. */
export const entriesSchema = z.array(z.looseObject({ id: z.string() }));

function expectBatch(answer: unknown): string[] {
  const entries = entriesSchema.parse(answer);
  if (entries.length !== BATCH) {
    throw new Error(`Cannot measure: ${entries.length} were claimed, not ${BATCH}`);
  }
  return entries.map(({ id }) => id);
}

async function claim(how: Attempt["measure"]): Promise<string[]> {
  return expectBatch(await how("claim_deletions", { ...LEASE, p_limit: BATCH }));
}

/** Both resources are gone. */
export function settlement(id: string) {
  return { id, session: "deleted", disk: "deleted", otherwise: "released" };
}

const startedRun = (allowed: boolean | null) => `
  insert into private.cleanup_runs (id, trigger, status, started_at, expiry_allowed)
  values ('${RUN}', 'nightly', 'running', now(), ${allowed})`;

export const sweepStatements: Statement[] = [
  {
    key: "claim",
    name: `claim ${BATCH} (\`claim_deletions\`)`,
    hot: true,
    role: "service_role",
    run: async ({ measure }) => void await claim(measure),
  },
  {
    key: "settle",
    name: `settle ${BATCH} (\`settle_deletions\`)`,
    hot: true,
    role: "service_role",
    async run({ prepare, measure }) {
      const ids = await claim(prepare);
      const answer = await measure("settle_deletions", {
        p_lease_id: LEASE.p_lease_id,
        p_settlements: ids.map(settlement),
      });
      expect(answer, { deleted: BATCH, lost: 0 });
    },
  },
  {
    key: "expire",
    name: `expire ${BATCH} (\`queue_due_sessions\`)`,
    hot: true,
    role: "service_role",
    setUp: startedRun(true),
    async run({ measure }) {
      expect(await measure("queue_due_sessions", { p_run_id: RUN, p_limit: BATCH }), {
        expired: BATCH,
      });
    },
  },
];

const RESTAMP = 2_000;

export const runStatements: Statement[] = [
  {
    key: "restampStep",
    name: `a step after a change of session_ttl (\`restamp_sessions\`, ${RESTAMP})`,
    hot: false,
    role: "service_role",
    setUp: `
      with changed as (update private.settings set session_ttl = session_ttl - interval '1 second')
      update private.restamp_state set after_id = '00000000-0000-0000-0000-000000000000'`,
    async run({ subject: { session } }) {
      const [row] = await session.measure<{ whole: boolean }>(
        "restamp_sessions",
        `select private.restamp_sessions(${RESTAMP}) as whole`,
        [],
      );
      if (row?.whole !== false) throw new Error("Cannot measure: nothing was left to restamp");
    },
  },
  {
    key: "expiryLimit",
    name: "limit on mass expiry (`expiry_allowed`, 1 % due)",
    hot: false,
    role: "service_role",
    async run({ subject: { session } }) {
      const [row] = await session.measure<{ allowed: boolean }>(
        "expiry_allowed",
        "select private.expiry_allowed(false) as allowed",
        [],
      );
      if (row?.allowed !== true) throw new Error("Cannot measure: the breaker holds");
    },
  },
  {
    key: "endOfRun",
    name: "end of a run (`finish_cleanup_run`)",
    hot: false,
    role: "service_role",
    setUp: startedRun(true),
    async run({ measure }) {
      const answer = await measure("finish_cleanup_run", {
        p_run_id: RUN,
        p_result: { total: 0, deleted: 0, failed: 0, deferred: 0, errors: [], stopReason: "empty" },
      });
      expect(answer, { dispatched: 0 });
    },
  },
  {
    key: "health",
    name: "health (`session_health`)",
    hot: false,
    role: "service_role",
    async run({ measure }) {
      const answer = await measure("session_health", { p_runs: 10 });
      z.looseObject({ sessions: z.looseObject({}) }).parse(answer);
    },
  },
];

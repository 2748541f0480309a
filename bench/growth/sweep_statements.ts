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
  return expectBatch(await how("acontext_claim_deletions", { ...LEASE, p_limit: BATCH }));
}

/** Both resources are gone. */
export function settlement(id: string) {
  return { id, session: "deleted", disk: "deleted", disposition: "release" };
}

const startedRun = (allowed: boolean | null) => `
  insert into acontext_sessions.runs (id, task, trigger, status, started_at, expiry_allowed)
  values ('${RUN}', 'sweep', 'schedule', 'running', now(), ${allowed})`;

export const sweepStatements: Statement[] = [
  {
    key: "claim",
    name: `claim ${BATCH} (\`acontext_claim_deletions\`)`,
    hot: true,
    role: "service_role",
    run: async ({ measure }) => void await claim(measure),
  },
  {
    key: "settle",
    name: `settle ${BATCH} (\`acontext_settle_deletions\`)`,
    hot: true,
    role: "service_role",
    async run({ prepare, measure }) {
      const ids = await claim(prepare);
      const answer = await measure("acontext_settle_deletions", {
        p_lease_id: LEASE.p_lease_id,
        p_settlements: ids.map(settlement),
      });
      expect(answer, { deleted: BATCH, lost: 0 });
    },
  },
  {
    key: "expire",
    name: `expire ${BATCH} (\`acontext_queue_due_sessions\`)`,
    hot: true,
    role: "service_role",
    setUp: startedRun(true),
    async run({ measure }) {
      expect(await measure("acontext_queue_due_sessions", { p_run_id: RUN, p_limit: BATCH }), {
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
      with changed as (update acontext_sessions.settings set session_ttl = session_ttl - interval '1 second')
      update acontext_sessions.restamp_state set after_id = '00000000-0000-0000-0000-000000000000'`,
    async run({ subject: { session } }) {
      const [row] = await session.measure<{ whole: boolean }>(
        "restamp_sessions",
        `select acontext_sessions.restamp_sessions(${RESTAMP}) as whole`,
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
        "select acontext_sessions.expiry_allowed(false) as allowed",
        [],
      );
      if (row?.allowed !== true) throw new Error("Cannot measure: the limit on mass expiry holds");
    },
  },
  {
    key: "endOfRun",
    name: "end of a run (`acontext_finish_sweep`)",
    hot: false,
    role: "service_role",
    setUp: startedRun(true),
    async run({ measure }) {
      const answer = await measure("acontext_finish_sweep", {
        p_run_id: RUN,
        p_result: { total: 0, deleted: 0, failed: 0, deferred: 0, errors: [], stopReason: "empty" },
      });
      expect(answer, { dispatched: 0 });
    },
  },
  {
    key: "health",
    name: "health (`acontext_session_health`)",
    hot: false,
    role: "service_role",
    async run({ measure }) {
      const answer = await measure("acontext_session_health", { p_runs: 10 });
      z.looseObject({ sessions: z.looseObject({}) }).parse(answer);
    },
  },
];

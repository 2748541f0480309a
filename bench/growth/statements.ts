/** What is measured: each statement through the function that has it, with arguments as the code passes them. @module */

import { z } from "zod";
import { listPage } from "./data_api.ts";
import { BATCH } from "./sizes.ts";
import { call, type Subject } from "./subject.ts";

interface Attempt {
  subject: Subject;
  /** One of the subject's targets, another in each attempt. */
  target: Subject["targets"][number];
  /** As {@link call}, without being measured. */
  prepare(name: string, args: Record<string, unknown>): Promise<unknown>;
  /** As {@link call}, measured. */
  measure(name: string, args: Record<string, unknown>): Promise<unknown>;
}

export interface Statement {
  name: string;
  /** For every message, session or batch; the others run once in a run or when somebody looks. */
  hot: boolean;
  role: "service_role" | "authenticated";
  /** Whose claims the request carries. */
  user?(attempt: Attempt): string;
  /** SQL of the superuser, in the same transaction, before the rest. */
  setUp?: string;
  /** @throws {Error} when the statement did not do its work. */
  run(attempt: Attempt): Promise<void>;
}

export const PAGE_LENGTH = 20;
const LEASE = "11111111-1111-4111-8111-111111111111";
const RUN = "22222222-2222-4222-8222-222222222222";
const lease = { p_lease_id: LEASE, p_lease_seconds: 80 };
const HASH = "0123456789abcdef".repeat(4);

const entriesSchema = z.array(z.looseObject({ id: z.string() }));

function expect(answer: unknown, wanted: Record<string, unknown>): void {
  const record = z.record(z.string(), z.unknown()).parse(answer);
  for (const [key, value] of Object.entries(wanted)) {
    if (record[key] !== value) {
      throw new Error(`Cannot measure: "${key}" is ${JSON.stringify(record[key])}, not ${value}`);
    }
  }
}

function expectBatch(answer: unknown): string[] {
  const entries = entriesSchema.parse(answer);
  if (entries.length !== BATCH) {
    throw new Error(`Cannot measure: ${entries.length} were claimed, not ${BATCH}`);
  }
  return entries.map(({ id }) => id);
}

async function claim(how: Attempt["measure"]): Promise<string[]> {
  return expectBatch(await how("claim_deletions", { ...lease, p_limit: BATCH }));
}

function settlement(id: string) {
  return { id, session: "deleted", disk: "deleted", otherwise: "released" };
}

const startedRun = (allowed: boolean | null) => `
  insert into private.cleanup_runs (id, trigger, status, started_at, expiry_allowed)
  values ('${RUN}', 'nightly', 'running', now(), ${allowed})`;

async function measurePage(
  { session }: Subject,
  cursor: { time: string; id: string } | null,
): Promise<void> {
  const { text, parameters } = listPage({ limit: PAGE_LENGTH, cursor });
  const [row] = await session.measure<{ page_total: string }>("list", text, parameters);
  // Ordinary users may have fewer.
  if (Number(row?.page_total) < (cursor === null ? 1 : PAGE_LENGTH)) {
    throw new Error(`Cannot measure: the page has ${row?.page_total} sessions`);
  }
}

export const STATEMENTS: Statement[] = [
  {
    name: `claim ${BATCH} (\`claim_deletions\`)`,
    hot: true,
    role: "service_role",
    run: async ({ measure }) => void await claim(measure),
  },
  {
    name: `settle ${BATCH} (\`settle_deletions\`)`,
    hot: true,
    role: "service_role",
    async run({ prepare, measure }) {
      const ids = await claim(prepare);
      const answer = await measure("settle_deletions", {
        p_lease_id: LEASE,
        p_settlements: ids.map(settlement),
      });
      expect(answer, { deleted: BATCH, lost: 0 });
    },
  },
  {
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
  {
    name: "list, first page",
    hot: true,
    role: "authenticated",
    user: ({ target }) => target.userId,
    run: ({ subject }) => measurePage(subject, null),
  },
  {
    name: "list, first page of a long list",
    hot: true,
    role: "authenticated",
    user: ({ subject }) => subject.deep.userId,
    run: ({ subject }) => measurePage(subject, null),
  },
  {
    name: "list, last page of a long list",
    hot: true,
    role: "authenticated",
    user: ({ subject }) => subject.deep.userId,
    run: ({ subject }) => measurePage(subject, subject.deep),
  },
  {
    name: "use (`use_session`, nothing written)",
    hot: true,
    role: "service_role",
    async run({ target, measure }) {
      const answer = await measure("use_session", {
        p_user_id: target.userId,
        p_session_id: target.id,
        p_touch: false,
        p_new_messages: 0,
      });
      expect(answer, { outcome: "ok" });
    },
  },
  {
    name: "touch (`use_session`, new message)",
    hot: true,
    role: "service_role",
    async run({ target, measure }) {
      const answer = await measure("use_session", {
        p_user_id: target.userId,
        p_session_id: target.id,
        p_touch: true,
        p_new_messages: 1,
      });
      expect(answer, { outcome: "ok" });
    },
  },
  {
    name: "message with a key (`begin_message`, `settle_message`)",
    hot: true,
    role: "service_role",
    async run({ target, measure }) {
      const begun = await measure("begin_message", {
        p_user_id: target.userId,
        p_session_id: target.id,
        p_key_hash: HASH,
        p_body_hash: HASH,
        ...lease,
      });
      expect(begun, { outcome: "started" });
      const settled = await measure("settle_message", {
        p_session_id: target.id,
        p_result: "stored",
        p_lease_id: LEASE,
        p_key_hash: HASH,
        p_message_id: crypto.randomUUID(),
        p_message_created_at: new Date().toISOString(),
      });
      expect(settled, { active: true });
    },
  },
  {
    name: "create (`begin_session`, `activate_session`)",
    hot: true,
    role: "service_role",
    async run({ target, measure }) {
      const id = crypto.randomUUID();
      const begun = await measure("begin_session", {
        p_user_id: target.userId,
        p_session_id: id,
        p_metadata: { topic: "growth" },
        p_pinned: false,
        p_title: "A new conversation",
        ...lease,
      });
      expect(begun, { outcome: "started" });
      const activated = await measure("activate_session", {
        p_session_id: id,
        p_lease_id: LEASE,
        p_acontext_session_id: id,
        p_acontext_disk_id: crypto.randomUUID(),
        p_surplus_session_ids: [],
        p_surplus_disk_ids: [],
        p_uncertain: false,
      });
      expect(activated, { outcome: "active" });
    },
  },
  {
    name: "delete (`request_session_deletion`)",
    hot: true,
    role: "service_role",
    async run({ target, measure }) {
      expect(await requestDeletion(target, measure), { outcome: "claimed" });
    },
  },
  {
    name: "restore (`restore_session`)",
    hot: true,
    role: "service_role",
    setUp: "update private.settings set deletion_grace = interval '7 days'",
    async run({ target, prepare, measure }) {
      expect(await requestDeletion(target, prepare), { outcome: "queued" });
      const answer = await measure("restore_session", {
        p_user_id: target.userId,
        p_session_id: target.id,
      });
      expect(answer, { outcome: "restored" });
    },
  },
  {
    name: "breaker (`expiry_allowed`, 1 % due)",
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
    name: "health (`session_health`)",
    hot: false,
    role: "service_role",
    async run({ measure }) {
      const answer = await measure("session_health", { p_runs: 10 });
      z.looseObject({ sessions: z.looseObject({}) }).parse(answer);
    },
  },
];

async function requestDeletion(
  { id, userId }: Attempt["target"],
  how: Attempt["measure"],
): Promise<unknown> {
  return await how("request_session_deletion", { p_user_id: userId, p_session_id: id, ...lease });
}

/** One attempt of a statement, in a transaction that is rolled back. */
export async function attempt(
  statement: Statement,
  subject: Subject,
  round: number,
): Promise<void> {
  const { session, targets } = subject;
  const target = targets[round % targets.length];
  if (target === undefined) throw new Error("Cannot measure: the database has too few sessions");
  const one: Attempt = {
    subject,
    target,
    prepare: (name, args) => call(subject, name, args, { measured: false }),
    measure: (name, args) => call(subject, name, args, { measured: true }),
  };
  const claims = { role: statement.role, sub: statement.user?.(one) };
  await session.run("begin");
  try {
    if (statement.setUp !== undefined) await session.run(statement.setUp);
    await session.run(
      "select set_config('search_path', '\"public\", \"extensions\"', true), set_config('role', $1, true), set_config('request.jwt.claims', $2, true)",
      [statement.role, JSON.stringify(claims)],
    );
    await statement.run(one);
  } finally {
    await session.run("rollback");
  }
}

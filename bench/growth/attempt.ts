/** One attempt of a statement: a request of PostgREST's, in a transaction that is rolled back. @module */

import { z } from "zod";
import type { StatementKey } from "./result.ts";
import { call, type Subject } from "./subject.ts";

export interface Attempt {
  subject: Subject;
  /** One of the subject's targets, another in each attempt. */
  target: Subject["targets"][number];
  /** As {@link call}, without being measured. */
  prepare(name: string, args: Record<string, unknown>): Promise<unknown>;
  /** As {@link call}, measured. */
  measure(name: string, args: Record<string, unknown>): Promise<unknown>;
}

export interface Statement {
  key: StatementKey;
  /** For people. */
  name: string;
  /** Runs for every message, session or batch; the others run once per run or when somebody looks. */
  hot: boolean;
  role: "service_role" | "authenticated";
  /** The user whose claims the request carries. */
  user?(attempt: Attempt): string;
  /** SQL of the superuser, in the same transaction, before the rest. */
  setUp?: string;
  /** @throws {Error} when the statement did not do its work. */
  run(attempt: Attempt): Promise<void>;
}

/** The lease that every attempt asks for. */
export const LEASE = { p_lease_id: "11111111-1111-4111-8111-111111111111", p_lease_seconds: 80 };

/** @throws {Error} when an answer is not what it has to be. */
export function expect(answer: unknown, wanted: Record<string, unknown>): void {
  const record = z.record(z.string(), z.unknown()).parse(answer);
  for (const [key, value] of Object.entries(wanted)) {
    if (record[key] !== value) {
      throw new Error(`Cannot measure: "${key}" is ${JSON.stringify(record[key])}, not ${value}`);
    }
  }
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

/** Everything that is measured: each statement through its function, with the arguments that the code passes. @module */

import type { Statement } from "./attempt.ts";
import type { StatementKey } from "./result.ts";
import { listStatements } from "./list_statements.ts";
import { sessionStatements } from "./session_statements.ts";
import { runStatements, sweepStatements } from "./sweep_statements.ts";

export const STATEMENTS: Statement[] = [
  ...sweepStatements,
  ...listStatements,
  ...sessionStatements,
  ...runStatements,
];

/** @throws {RangeError} when the statement is no longer there. */
export function definitionOf(key: StatementKey): Statement {
  const found = STATEMENTS.find((statement) => statement.key === key);
  if (found === undefined) throw new RangeError(`Cannot find the statement "${key}"`);
  return found;
}

/** What is measured: each statement through the function that has it, with arguments as the code passes them. @module */

import type { Statement } from "./attempt.ts";
import { listStatements } from "./list_statements.ts";
import { sessionStatements } from "./session_statements.ts";
import { runStatements, sweepStatements } from "./sweep_statements.ts";

export const STATEMENTS: Statement[] = [
  ...sweepStatements,
  ...listStatements,
  ...sessionStatements,
  ...runStatements,
];

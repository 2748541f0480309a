/**
 * Compares what Acontext holds with what the database knows.
 *
 * @module
 */

import type { ControlClient } from "../acontext/control.ts";
import type { Database } from "./database.ts";

export interface Findings {
  expired: number;
  deleted: number;
  retried: number;
  /** One line for each thing that leaked. */
  findings: string[];
}

/** `ids`: the sessions that the demo made. */
export async function audit(
  { ids, database, control }: { ids: string[]; database: Database; control: ControlClient },
): Promise<Findings> {
  const [{ sessions, disks }, known, receipts] = await Promise.all([
    control.audit(),
    database.knownIds(),
    database.receipts(ids),
  ]);
  const findings: string[] = [];
  for (const { id, sessionId } of sessions) {
    if (sessionId !== null && !known.has(sessionId)) findings.push(`session ${id}`);
  }
  for (const { id, label } of disks) {
    const sessionId = label?.split(":").at(-1);
    if (sessionId !== undefined && !known.has(sessionId)) findings.push(`disk ${id} (${label})`);
  }
  const gone = new Set(receipts.map(({ id }) => id));
  for (const id of ids) {
    if (!known.has(id) && !gone.has(id)) findings.push(`session ${id} left no receipt`);
  }
  return {
    expired: receipts.filter(({ reason }) => reason === "expired").length,
    deleted: receipts.filter(({ reason }) => reason === "requested").length,
    retried: receipts.filter(({ attempts }) => attempts > 1).length,
    findings,
  };
}

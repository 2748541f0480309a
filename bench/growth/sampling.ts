/** Samples of all statements at all sizes, in turns. @module */

import { summarise, type Summary } from "../statistics.ts";
import { attempt } from "./attempt.ts";
import { STATEMENTS } from "./statements.ts";
import type { Subject } from "./subject.ts";

/** Samples of one statement between two vacuums: what is rolled back leaves dead rows behind. */
const BLOCK = 20;
/** PL/pgSQL plans the first five calls for their arguments; only later calls are typical of a kept connection. */
const WARM_UP = 6;
const WRITTEN = [
  "public.session_mappings",
  "acontext_sessions.deletion_queue",
  "acontext_sessions.deletion_log",
  "acontext_sessions.message_keys",
  "acontext_sessions.provisioning_leases",
  "acontext_sessions.runs",
  "acontext_sessions.settings",
  "acontext_sessions.restamp_state",
];

/** Milliseconds in the server: of each of the statements, for each subject. */
export async function takeSamples(
  subjects: Subject[],
  { samples, log }: { samples: number; log: (line: string) => void },
): Promise<Summary[][]> {
  const taken = STATEMENTS.map(() => subjects.map((): number[] => []));
  for (const subject of subjects) await subject.session.listen();
  let round = 0;
  for (let done = -WARM_UP; done < samples;) {
    const block = done < 0 ? WARM_UP : Math.min(BLOCK, samples - done);
    for (const [s, statement] of STATEMENTS.entries()) {
      for (let i = 0; i < block; i++, round++) {
        for (const [d, subject] of subjects.entries()) {
          await attempt(statement, subject, round);
          const parts = await subject.session.takeMs();
          const ms = [...parts.values()].reduce((sum, part) => sum + part, 0);
          if (done >= 0) taken[s]?.[d]?.push(ms);
        }
      }
    }
    for (const { session } of subjects) {
      for (const table of WRITTEN) await session.run(`vacuum ${table}`);
    }
    done += block;
    log(`  ${Math.max(0, done)} of ${samples} samples`);
  }
  return taken.map((sizes) => sizes.map(summarise));
}

/** How the cost of each statement grows with the number of sessions. @module */

import { benchmark, type Scale } from "../benchmark.ts";
import { withCluster } from "./cluster.ts";
import { writeMessages } from "./messages.ts";
import { collectPlans } from "./plans.ts";
import { report } from "./report.ts";
import { takeSamples } from "./sampling.ts";
import { type DatabaseSize, type Growth, growthSchema } from "./schema.ts";
import { seed } from "./seed.ts";
import { Session } from "./session.ts";
import { sizesOf } from "./sizes.ts";
import { PAGE_LENGTH } from "./list_statements.ts";
import { openSubject, type Subject } from "./subject.ts";
import { countDue, countRows, readRelations } from "./tables.ts";
import { work } from "./work.ts";

export const growth = benchmark<Growth>({
  name: "growth",
  title: "Growth",
  schema: growthSchema,
  run: measure,
  report,
});

interface Seeded {
  url: string;
  size: DatabaseSize;
}

async function measure(
  { scale, log }: { scale: Scale; log: (line: string) => void },
): Promise<Growth> {
  const { sessions, samples, touched, batches, workers, sharedBuffers } = sizesOf(scale);
  return await withCluster(sharedBuffers, async (cluster) => {
    async function seeded(count: number): Promise<Seeded> {
      const url = await cluster.clone(`growth_${count}`);
      const session = await Session.connect(url);
      try {
        const started = performance.now();
        await seed(session, count);
        const seedSeconds = (performance.now() - started) / 1000;
        log(`  ${count} sessions after ${Math.round(seedSeconds)} s`);
        const relations = await readRelations(session);
        const rows = await countRows(session);
        const due = await countDue(session);
        return { url, size: { sessions: count, due, seedSeconds, rows, relations } };
      } finally {
        await session.close();
      }
    }

    const databases: Seeded[] = [];
    for (const count of sessions) databases.push(await seeded(count));
    const subjects: Subject[] = [];
    for (const { url, size } of databases) {
      subjects.push(
        await openSubject({ url, sessions: size.sessions, pageLength: PAGE_LENGTH }),
      );
    }
    try {
      const plans: Growth["plans"] = [];
      const pages: Growth["pages"] = [];
      for (const [i, subject] of subjects.entries()) {
        const collected = await collectPlans(subject, databases[i]?.url ?? "");
        plans.push(...collected.plans);
        pages.push(...collected.pages);
      }
      const statements = await takeSamples(subjects, { samples, log });
      const [largest, url] = [subjects.at(-1), databases.at(-1)?.url];
      if (largest === undefined || url === undefined) {
        throw new RangeError("Cannot measure: no size");
      }
      const done: Growth["work"] = [];
      for (const count of workers) {
        done.push(await work(largest, { url, workers: count, batches }));
      }
      const messages = await writeMessages(largest, touched);
      return {
        sessions,
        sharedBuffers,
        databases: databases.map(({ size }) => size),
        statements,
        plans,
        pages,
        messages,
        work: done,
      };
    } finally {
      for (const { session } of subjects) await session.close();
    }
  });
}

/** How the cost of each statement grows with the number of sessions. @module */

import { benchmark, type Scale } from "../benchmark.ts";
import { withCluster } from "./cluster.ts";
import { writeMessages } from "./messages.ts";
import { type CollectedPlans, collectPlans, scansIn } from "./plans.ts";
import { headlines, report } from "./report.ts";
import { takeSamples } from "./sampling.ts";
import { type DatabaseSize, type Growth, type Relation, resultSchema } from "./result.ts";
import { seed } from "./seed.ts";
import { Session } from "./session.ts";
import { type Sizes, sizesOf } from "./sizes.ts";
import { PAGE_LENGTH } from "./list_statements.ts";
import { openSubject, type Subject } from "./subject.ts";
import { STATEMENTS } from "./statements.ts";
import { countDue, readRelations } from "./tables.ts";
import { work } from "./work.ts";

export const growth = benchmark<Growth>({
  name: "growth",
  title: "Growth",
  schema: resultSchema,
  run: measure,
  report,
  headlines,
});

async function measure(
  { scale, log }: { scale: Scale; log: (line: string) => void },
): Promise<Growth> {
  const sizes = sizesOf(scale);
  return await withCluster(sizes.sharedBuffers, async (cluster) => {
    const databases: Seeded[] = [];
    for (const count of sizes.sessions) {
      const url = await cluster.clone(`growth_${count}`);
      databases.push(await seedDatabase({ url, count, log }));
    }
    const subjects: Subject[] = [];
    for (const { url, size: { sessions } } of databases) {
      subjects.push(await openSubject({ url, sessions, pageLength: PAGE_LENGTH }));
    }
    try {
      return {
        sharedBuffers: sizes.sharedBuffers,
        databases: databases.map(({ size }) => size),
        relations: databases.at(-1)?.relations ?? [],
        ...await measureStatements(subjects, { samples: sizes.samples, log }),
        ...await measureLargest(subjects, sizes),
      };
    } finally {
      for (const { session } of subjects) await session.close();
    }
  });
}

interface Seeded {
  url: string;
  size: DatabaseSize;
  relations: Relation[];
}

async function seedDatabase(
  { url, count, log }: { url: string; count: number; log: (line: string) => void },
): Promise<Seeded> {
  const session = await Session.connect(url);
  try {
    const started = performance.now();
    await seed(session, count);
    log(`  ${count} sessions after ${Math.round((performance.now() - started) / 1000)} s`);
    const relations = await readRelations(session);
    return { url, size: { sessions: count, due: await countDue(session) }, relations };
  } finally {
    await session.close();
  }
}

async function measureStatements(
  subjects: Subject[],
  options: { samples: number; log: (line: string) => void },
): Promise<Pick<Growth, "statements" | "plans" | "scans">> {
  const collected: CollectedPlans[] = [];
  for (const subject of subjects) collected.push(await collectPlans(subject));
  const ms = await takeSamples(subjects, options);
  const plans = collected.at(-1)?.plans ?? [];
  return {
    statements: STATEMENTS.map(({ key }, index) => ({
      statement: key,
      ms: ms[index] ?? [],
      pages: collected.map(({ pages }) => pages[index] ?? 0),
    })),
    plans: plans.length,
    scans: scansIn(plans),
  };
}

/** What changes the database for good. */
async function measureLargest(
  subjects: Subject[],
  { workers, batches, touched }: Sizes,
): Promise<Pick<Growth, "messages" | "work">> {
  const largest = subjects.at(-1);
  if (largest === undefined) throw new RangeError("Cannot measure: no size");
  const done: Growth["work"] = [];
  for (const count of workers) done.push(await work(largest, { workers: count, batches }));
  return { work: done, messages: await writeMessages(largest, touched) };
}

/** How fast a backlog of expired sessions drains, against what people use today. @module */

import { z } from "zod";
import { assertNothingLeft } from "../../tests/integration/support/remote.ts";
import { withWorld } from "../../tests/integration/support/world.ts";
import { benchmark, type Scale } from "../benchmark.ts";
import { type Contender, type Drained, NAIVE, startOthers, thisProject } from "./contenders.ts";
import { withLatency } from "./latency.ts";
import { withFastRemote } from "./remote/start.ts";
import { report } from "./report.ts";

const CONCURRENCY = 16;

const sampleSchema = z.object({
  contender: z.string(),
  /** Milliseconds that each call of Acontext is to take, besides its own work. */
  latency: z.number(),
  /** What a call takes that is made alone, just before. */
  lone: z.number(),
  sessions: z.int(),
  ms: z.number(),
  /** Of the worker's process. */
  cpuMs: z.number(),
});

export const drainSchema = z.object({ concurrency: z.int(), samples: z.array(sampleSchema) });

export type DrainResult = z.infer<typeof drainSchema>;
type Sample = z.infer<typeof sampleSchema>;

interface Size {
  latency: number;
  sessions: number;
  /** For the loop, whose speed does not depend on how many there are. */
  naiveSessions: number;
}

const SIZES: Record<Scale, { rounds: number; sizes: Size[] }> = {
  full: {
    rounds: 5,
    sizes: [
      { latency: 0, sessions: 4_000, naiveSessions: 500 },
      { latency: 5, sessions: 4_000, naiveSessions: 200 },
      { latency: 25, sessions: 3_000, naiveSessions: 100 },
      { latency: 100, sessions: 1_500, naiveSessions: 40 },
    ],
  },
  quick: {
    rounds: 1,
    sizes: [
      { latency: 0, sessions: 200, naiveSessions: 40 },
      { latency: 25, sessions: 200, naiveSessions: 20 },
    ],
  },
};

export const drain = benchmark<DrainResult>({
  name: "drain",
  title: "Draining a backlog",
  schema: drainSchema,
  report,
  run: ({ scale, log }) =>
    withFastRemote(async (stack) => {
      const others = await startOthers(stack, CONCURRENCY);
      try {
        const contenders = [thisProject(stack), ...others.contenders];
        const samples: Sample[] = [];
        const { rounds, sizes } = SIZES[scale];
        // The first drain of each loads code and fills caches.
        for (const contender of contenders) await measure(contender, 0, 200);
        for (let round = 0; round < rounds; round++) {
          for (const { latency, sessions, naiveSessions } of sizes) {
            for (const contender of turned(contenders, round)) {
              const count = contender.name === NAIVE ? naiveSessions : sessions;
              const sample = await measure(contender, latency, count);
              samples.push(sample);
              const speed = Math.round(1000 * count / sample.ms);
              log(`${latency} ms, ${contender.name}: ${speed} sessions/s`);
            }
          }
        }
        return { concurrency: CONCURRENCY, samples };
      } finally {
        await others.stop();
      }

      async function measure(
        contender: Contender,
        latency: number,
        sessions: number,
      ): Promise<Sample> {
        let drained: (Drained & { lone: number }) | undefined;
        // It also checks that nothing is left of what was to be deleted.
        await withWorld(stack.info, async (world) => {
          await contender.prepare(world, sessions);
          await world.database.sql`analyze`;
          drained = await withLatency(world, latency, async (lone) => ({
            lone,
            ...await contender.drain(world, sessions),
          }));
          assertNothingLeft(await world.remote.audit());
        });
        if (drained === undefined) throw new Error("Cannot measure: nothing was drained");
        return { contender: contender.name, latency, sessions, ...drained };
      }
    }),
});

/** Nobody is always first. */
function turned<Item>(items: Item[], by: number): Item[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

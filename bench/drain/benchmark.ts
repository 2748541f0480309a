/** How fast a backlog of expired sessions drains, compared with what people use today. @module */

import { assertNothingLeft } from "../../tests/integration/support/remote.ts";
import { withWorld } from "../../tests/integration/support/world.ts";
import { benchmark, type Scale } from "../benchmark.ts";
import { type Contender, type Drained, startOthers, thisProject } from "./contenders.ts";
import { withLatency } from "./latency.ts";
import { withFastRemote } from "./remote/start.ts";
import { headlines, report } from "./report.ts";
import {
  aggregate,
  CONTENDER_NAMES,
  type DrainResult,
  resultSchema,
  type Sample,
} from "./result.ts";

const CONCURRENCY = 16;

interface Size {
  latency: number;
  sessions: number;
  /** For the naive loop: its speed does not depend on their number. */
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
  schema: resultSchema,
  report,
  headlines,
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
              const count = contender.key === "naive" ? naiveSessions : sessions;
              const sample = await measure(contender, latency, count);
              samples.push(sample);
              const speed = Math.round(1000 * count / sample.ms);
              log(`${latency} ms, ${CONTENDER_NAMES[contender.key]}: ${speed} sessions/s`);
            }
          }
        }
        return aggregate(samples, CONCURRENCY);
      } finally {
        await others.stop();
      }

      async function measure(
        contender: Contender,
        latency: number,
        sessions: number,
      ): Promise<Sample> {
        let drained: (Drained & { lone: number }) | undefined;
        // Leaving it checks that everything was deleted.
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
        return { contender: contender.key, latency, sessions, ...drained };
      }
    }),
});

/** The same items, beginning with another one in each round. */
function turned<Item>(items: Item[], by: number): Item[] {
  const at = by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

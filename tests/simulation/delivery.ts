/** pg_net: takes what the database hands over to the cleanup function, or does not, or does so twice. @module */

import { z } from "zod";
import { startWorker } from "./actors.ts";
import { type Post, seal } from "./play.ts";
import type { World } from "./world.ts";

const bodySchema = z.object({
  runId: z.string(),
  task: z.enum(["sweep", "reconcile"]).default("sweep"),
});

export function deliverRequests(world: World, post: Post): void {
  let count = 0;
  world.onRequest((text) => {
    const { runId, task } = bodySchema.parse(JSON.parse(text));
    world.trace.name(runId, world.trace.number("run"));
    const { deliveries, fate } = post;
    if (deliveries.length !== 1) world.faults += 1;
    for (const delay of deliveries) {
      const random = world.random.fork(`delivery ${count++}`);
      world.scheduler.after(delay + random.between(0, 50), () => {
        const request = { task, runId, dryRun: false, force: false, limit: null };
        seal(world, fate, startWorker(world, request, random));
      });
    }
  });
}

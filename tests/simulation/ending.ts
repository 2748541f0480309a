/** The end of a run: faults stop, workers go on until all is quiet, and then the books must balance. @module */

import { startWorker } from "./actors.ts";
import { type Post, runJob, setWeather } from "./play.ts";
import type { Resource } from "./remote.ts";
import { drawWeather } from "./weather.ts";
import type { World } from "./world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Between rounds: first short, then long enough for the longest backoff. */
const PAUSES = [8, 8, 60, 180, 600, 600, 600, 600].map((minutes) => minutes * MINUTE);

export async function end(world: World, post: Post): Promise<void> {
  const random = world.random.fork("ending");
  world.note("the faults end");
  setWeather(world, drawWeather("calm", random));
  post.deliveries = [20];
  post.fate = null;
  // What is under way lands or is given up, and who was frozen goes on.
  await world.scheduler.pass(20 * MINUTE);
  await world.call(null, "acontext_configure_cleanup", {
    p_changes: {
      cleanup_enabled: true,
      max_per_run: 2000,
      concurrency: 4,
      max_remote_deletes: 32,
    },
  });
  for (const pause of PAUSES) {
    await world.scheduler.pass(pause);
    await runJob(world, "nightly");
    await world.scheduler.pass(5 * MINUTE);
    if (world.failed) return;
    if (!isSwept(world)) continue;
    await world.scheduler.pass(2 * world.snapshot.settings.orphanGrace + MINUTE);
    await runJob(world, "reconcile");
    await world.scheduler.pass(5 * MINUTE);
    await runJob(world, "retry");
    await world.scheduler.pass(5 * MINUTE);
    if (world.failed) return;
    if (isSwept(world) && leaksOf(world).length === 0) break;
    if (pause > HOUR) {
      startWorker(world, {
        task: "reconcile",
        runId: world.newRunId(),
        dryRun: false,
        force: true,
        limit: null,
      }, random);
    }
  }
  for (const key of world.remote.content().leaks) {
    world.report("leak", "content", `the object ${key} belongs to nothing`);
  }
  for (const leak of leaksOf(world)) world.report("leak", "balance", leak);
  const { queue, rows } = world.snapshot;
  for (const { id, lastError } of queue.values()) {
    world.report("stuck", "balance", `${id} is still in the queue (${lastError})`);
  }
  for (const { id, status } of rows.values()) {
    if (status !== "active") world.report("stuck", "balance", `${id} is still ${status}`);
  }
}

function isSwept({ snapshot: { queue, rows } }: World): boolean {
  return queue.size === 0 && [...rows.values()].every(({ status }) => status === "active");
}

/** Created, not gone, and not a live session's. */
function leaksOf(world: World): string[] {
  const { rows } = world.snapshot;
  const held = new Set<string | null>();
  for (const { session, disk } of rows.values()) held.add(session).add(disk);
  return [...world.remote.live.values()]
    .filter((resource) =>
      resource.origin !== null && !held.has(resource.id) && !isBeyondReach(world, resource) &&
      // An app's own, as long as its original lives.
      !(resource.copyOf !== null && rows.has(resource.origin))
    )
    .map(({ kind, id, origin }) => `${kind} ${id} of ${origin} is left`);
}

/**
 * A server without labels cannot find a disk that no row ever named: one whose making was not answered, or whose session
 * could not be made. docs/architecture.md says so.
 */
function isBeyondReach(world: World, { kind, id }: Resource): boolean {
  return kind === "disk" && !world.marksDisks && !world.named.has(id);
}

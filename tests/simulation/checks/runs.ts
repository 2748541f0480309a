/** A run is worked once, however often its request is delivered. @module */

import type { Transaction, World } from "../world.ts";
import type { Check } from "./check.ts";

export class Runs implements Check {
  readonly #started = new Set<string>();

  constructor(readonly world: World) {}

  transaction({ name, args, result }: Transaction): void {
    if (name !== "acontext_start_sweep" && name !== "acontext_start_reconcile") return;
    const { data } = result;
    const started = typeof data === "object" && data !== null && "outcome" in data &&
      data.outcome === "started";
    if (!started) return;
    const runId = String(args["p_run_id"]);
    if (args["p_force"] === true) this.world.forcedRuns.add(runId);
    const key = `${runId} ${this.world.absent !== null}`;
    if (this.#started.has(key)) this.world.report("stuck", "runs", `${runId} started twice`);
    this.#started.add(key);
  }
}

/** Every check, one of each for every world. @module */

import type { World } from "../world.ts";
import { Attempts } from "./attempts.ts";
import { Binding } from "./binding.ts";
import type { Check } from "./check.ts";
import { ContentCheck } from "./content.ts";
import { Guards } from "./guards.ts";
import { Holding } from "./holding.ts";
import { LiveResources } from "./live_resources.ts";
import { Making } from "./making.ts";
import { OverlappingDeletes } from "./overlapping_deletes.ts";
import { Reachability } from "./reachability.ts";
import { Receipts } from "./receipts.ts";
import { Runs } from "./runs.ts";
import { Transitions } from "./transitions.ts";

export function createChecks(world: World): Check[] {
  return [
    new Guards(world),
    new LiveResources(world),
    new OverlappingDeletes(world),
    new Binding(world),
    new ContentCheck(world),
    new Holding(world),
    new Receipts(world),
    new Runs(world),
    new Transitions(world),
    new Attempts(world),
    new Making(world),
    new Reachability(world),
  ];
}

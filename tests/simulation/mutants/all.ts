/** Every mechanism. @module */

import { bindingMutants } from "./binding.ts";
import { creationMutants } from "./creation.ts";
import { deletionMutants } from "./deletion.ts";
import { guardMutants } from "./guards.ts";
import type { Mutant } from "./mutant.ts";
import { sweepMutants } from "./sweep_and_reconcile.ts";

export const MUTANTS: Mutant[] = [
  ...creationMutants,
  ...bindingMutants,
  ...deletionMutants,
  ...guardMutants,
  ...sweepMutants,
];

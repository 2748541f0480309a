/** Every mechanism, by subject. @module */

import { bindingMutants } from "./binding.ts";
import { creationMutants } from "./creation.ts";
import { deletionMutants } from "./deletion.ts";
import { guardMutants } from "./guards.ts";
import { lockMutants } from "./locks.ts";
import type { Mutant } from "./mutant.ts";
import { sweepMutants } from "./sweep_and_reconcile.ts";

export interface MutantGroup {
  title: string;
  mutants: Mutant[];
}

export const GROUPS: MutantGroup[] = [
  { title: "Creating a session", mutants: creationMutants },
  { title: "Binding what was created", mutants: bindingMutants },
  { title: "Deleting a session", mutants: deletionMutants },
  { title: "Guards in the database", mutants: guardMutants },
  { title: "Sweeps and reconcile", mutants: sweepMutants },
  { title: "Locks, when two transactions meet", mutants: lockMutants },
];

export const MUTANTS: Mutant[] = GROUPS.flatMap(({ mutants }) => mutants);

/** The code under test, loaded from a folder, so that a changed copy can be tried. @module */

import { join, toFileUrl } from "@std/path/mod.js";
import { ROOT } from "../../local/paths.ts";

export const FUNCTIONS: string = join(ROOT, "supabase", "functions");

type Create = typeof import("../../supabase/functions/_shared/core/create_session.ts");
type Delete = typeof import("../../supabase/functions/_shared/core/delete_session.ts");
type Sweep = typeof import("../../supabase/functions/_shared/core/sweep.ts");
type Reconcile = typeof import("../../supabase/functions/_shared/core/reconcile.ts");
type Acontext = typeof import("../../supabase/functions/_shared/acontext.ts");
type Catalog = typeof import("../../supabase/functions/_shared/acontext_catalog.ts");
type Store = typeof import("../../supabase/functions/_shared/store.ts");
type ReconcileStore = typeof import("../../supabase/functions/_shared/store_reconcile.ts");

export type System =
  & Create
  & Delete
  & Sweep
  & Reconcile
  & Acontext
  & Catalog
  & Store
  & ReconcileStore;

/** @param folder A copy of `supabase/functions`; the project's own when missing. */
export async function loadSystem(folder: string = FUNCTIONS): Promise<System> {
  const base = `${toFileUrl(folder).href}/_shared/`;
  const create: Create = await import(`${base}core/create_session.ts`);
  const remove: Delete = await import(`${base}core/delete_session.ts`);
  const sweep: Sweep = await import(`${base}core/sweep.ts`);
  const reconcile: Reconcile = await import(`${base}core/reconcile.ts`);
  const acontext: Acontext = await import(`${base}acontext.ts`);
  const catalog: Catalog = await import(`${base}acontext_catalog.ts`);
  const store: Store = await import(`${base}store.ts`);
  const reconcileStore: ReconcileStore = await import(`${base}store_reconcile.ts`);
  return {
    ...create,
    ...remove,
    ...sweep,
    ...reconcile,
    ...acontext,
    ...catalog,
    ...store,
    ...reconcileStore,
  };
}

/** The deletes through this project's adapter, without a database. @module */

import { createResources } from "../../../supabase/functions/_acontext_sessions/acontext/resources.ts";
import { deleteAll, type Order, readConfig, serveDrains } from "./program.ts";

const { acontext, concurrency } = readConfig();
const adapter = createResources({ ...acontext, timeoutMs: 10_000, namespace: "local" });

async function remove({ sessionId, diskId }: Order["resources"][number]): Promise<void> {
  const outcomes = await Promise.all([
    adapter.deleteSession(sessionId, 120_000),
    adapter.deleteDisk(diskId, 120_000),
  ]);
  if (outcomes.some(({ kind }) => kind !== "done")) throw new Error("Cannot delete: no success");
}

await serveDrains(({ resources }) => ({ work: () => deleteAll(resources, concurrency, remove) }));

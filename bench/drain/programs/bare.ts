/** The deletes alone, without a database: no way of doing it can be faster on this machine. @module */

import { deleteAll, type Order, readConfig, serveDrains } from "./program.ts";

const { acontext: { baseUrl, apiKey }, concurrency } = readConfig();
const headers = { authorization: `Bearer ${apiKey}`, accept: "application/json" };

async function remove(path: string): Promise<void> {
  const response = await fetch(`${baseUrl}${path}`, { method: "DELETE", headers });
  await response.text();
  if (response.status !== 200) throw new Error(`Cannot delete "${path}": ${response.status}`);
}

async function removeBoth({ sessionId, diskId }: Order["resources"][number]): Promise<void> {
  await Promise.all([remove(`/session/${sessionId}`), remove(`/disk/${diskId}`)]);
}

await serveDrains(({ resources }) => ({
  work: () => deleteAll(resources, concurrency, removeBoth),
}));

/** The deletes through the SDK of Acontext, without a database. @module */

import { createDeleteBoth, deleteAll, readConfig, serveDrains } from "./program.ts";

const config = readConfig();
const deleteBoth = createDeleteBoth(config);

await serveDrains(({ resources }) => ({
  work: () => deleteAll(resources, config.concurrency, deleteBoth),
}));

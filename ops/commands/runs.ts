import { type Command, EXIT } from "../command.ts";
import { runsSchema, runTable } from "../runs.ts";

/** The last runs, newest first. */
export const runs: Command = async ({ api, output, flags }) => {
  const list = await api.rpc("list_runs", { p_limit: flags.limit ?? 20 }, runsSchema);
  output.result(list, () => list.length === 0 ? ["No run yet"] : runTable(list));
  return EXIT.ok;
};

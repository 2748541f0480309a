import { type Command, EXIT } from "../command.ts";
import { hintsFor, runsSchema, runTable } from "../runs.ts";

/** The last runs, newest first. */
export const runs: Command = async ({ api, output, flags }) => {
  const list = await api.rpc("acontext_list_runs", { p_limit: flags.limit ?? 20 }, runsSchema);
  output.result(list, () => {
    if (list.length === 0) return ["No run yet"];
    const hints = hintsFor(list);
    return [...runTable(list), ...(hints.length === 0 ? [] : ["", ...hints])];
  });
  return EXIT.ok;
};

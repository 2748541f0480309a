import { z } from "zod";
import { type Command, type CommandContext, EXIT } from "../command.ts";
import { OpsError } from "../ops_error.ts";
import { shortTime, table } from "../output.ts";

const valuesSchema = z.record(z.string(), z.json());
const healthSchema = z.object({
  settings: valuesSchema,
  settingsLog: z.array(
    z.object({ at: z.string(), by: z.string(), old: valuesSchema, new: valuesSchema }),
  ),
});

/** `get`: all settings and who changed them last. `set name=value …`: changes them and recreates the cron jobs. */
export const settings: Command = async (context) => {
  const [action = "get", ...rest] = context.args;
  if (action === "get" && rest.length === 0) return await get(context);
  if (action === "set") return await set(context, rest);
  throw new OpsError('Cannot run "settings": it is "settings get" or "settings set name=value …"');
};

async function get({ api, output }: CommandContext): Promise<number> {
  const answer = await api.rpc("acontext_session_health", { p_runs: 0 }, healthSchema);
  output.result(answer, () => [
    ...valueTable(answer.settings),
    ...(answer.settingsLog.length === 0 ? [] : ["", "Last changes:"]),
    ...(answer.settingsLog.length === 0 ? [] : table(
      ["at (GMT)", "by", "from", "to"],
      answer.settingsLog.map((change) => [
        shortTime(change.at),
        change.by,
        JSON.stringify(change.old),
        JSON.stringify(change.new),
      ]),
    )),
  ]);
  return EXIT.ok;
}

async function set({ api, output }: CommandContext, pairs: string[]): Promise<number> {
  const changes = Object.fromEntries(pairs.map(parsePair));
  const values = await api.rpc("acontext_configure_cleanup", { p_changes: changes }, valuesSchema);
  output.result(values, () => ["The cron jobs follow these settings:", ...valueTable(values)]);
  return EXIT.ok;
}

function parsePair(pair: string): [string, unknown] {
  const [, name, value] = /^([a-z_]+)=(.*)$/s.exec(pair) ?? [];
  if (name === undefined || value === undefined) {
    throw new OpsError(`Cannot set "${pair}": it is not name=value`);
  }
  // Numbers, true, false and null are themselves; everything else, schedules and intervals too, is text.
  return [name, /^(true|false|null|-?\d+(\.\d+)?)$/.test(value) ? JSON.parse(value) : value];
}

function valueTable(values: Record<string, z.core.util.JSONType>): string[] {
  return table(
    ["setting", "value"],
    Object.entries(values).toSorted(([a], [b]) => a < b ? -1 : 1).map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
}

import { z } from "zod";
import { OpsError } from "./ops_error.ts";

/** The one argument of a command that wants a UUID. */
export function requireId(command: string, args: string[]): string {
  const parsed = z.tuple([z.guid()]).safeParse(args);
  if (!parsed.success) {
    throw new OpsError(`Cannot run "${command}": it needs one id, a UUID`);
  }
  return parsed.data[0].toLowerCase();
}

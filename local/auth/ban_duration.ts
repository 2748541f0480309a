/**
 * How long a ban lasts, in the words of Go's `time.ParseDuration`.
 *
 * @module
 */

import { AuthError } from "./errors.ts";

const UNIT_MS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

function refuse(reason: string): never {
  throw new AuthError("validation_failed", `invalid format for ban duration: time: ${reason}`);
}

/** The end of the ban that `text` asks for; null for `none`, undefined for what changes nothing. */
export function bannedUntil(text: string | undefined): Date | null | undefined {
  if (text === undefined || text === "") return undefined;
  if (text === "none") return null;
  const [, sign = "", amounts = ""] = /^([-+]?)(.*)$/.exec(text) ?? [];
  if (amounts === "0") return new Date();
  let total = 0;
  for (let rest = amounts; rest !== "" || amounts === "";) {
    const match = /^(\d+\.?\d*|\.\d+)([^\d.]*)/.exec(rest);
    if (match === null) refuse(`invalid duration "${text}"`);
    const [whole, amount, unit = ""] = match;
    if (unit === "") refuse(`missing unit in duration "${text}"`);
    const ms = UNIT_MS[unit];
    if (ms === undefined) refuse(`unknown unit "${unit}" in duration "${text}"`);
    total += Number(amount) * ms;
    rest = rest.slice(whole.length);
  }
  return new Date(Date.now() + (sign === "-" ? -total : total));
}

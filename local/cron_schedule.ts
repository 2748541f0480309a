/**
 * When a job of pg_cron is due. pg_cron reads schedules as Vixie's cron does, which takes more than it should and does
 * with some of it what nobody expects; this does the same.
 *
 * @module
 */

/** `interval` in seconds, only at the database's `start`, or a test for the start of a minute (GMT). */
export type Schedule =
  | { kind: "interval"; seconds: number }
  | { kind: "start" }
  | { kind: "minutes"; isDue: (minute: Date) => boolean };

interface FieldKind {
  low: number;
  high: number;
  /** For `low` and up. */
  names: string[];
}

const MINUTE: FieldKind = { low: 0, high: 59, names: [] };
const HOUR: FieldKind = { low: 0, high: 23, names: [] };
const DAY: FieldKind = { low: 1, high: 31, names: [] };
const MONTH: FieldKind = {
  low: 1,
  high: 12,
  names: "jan feb mar apr may jun jul aug sep oct nov dec".split(" "),
};
const WEEKDAY: FieldKind = { low: 0, high: 7, names: "sun mon tue wed thu fri sat".split(" ") };

interface Fields {
  minute: Set<number>;
  hour: Set<number>;
  day: Set<number>;
  month: Set<number>;
  weekday: Set<number>;
  /** One of the two days is a star: both must fit. Else one of them is enough. */
  both: boolean;
  /** `$`: on the last day of the month. */
  lastDay: boolean;
}

/** The schedules with a name. `@yearly` sets no month, and so is never due. */
const NAMED: Record<string, string> = {
  monthly: "0 0 1 * *",
  weekly: "0 0 * * 0",
  daily: "0 0 * * *",
  midnight: "0 0 * * *",
  hourly: "0 * * * *",
};

/** Reads a schedule; `null` when it is none. */
export function parseSchedule(text: string): Schedule | null {
  const seconds = Number(/^\s*\+?(\d+)\s*second(?:s\s*)?$/i.exec(text)?.[1]);
  if (seconds > 0 && seconds < 60) return { kind: "interval", seconds };

  const rest = text.replace(/^(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*/, "");
  if (rest.startsWith("@")) return parseNamed(/^@([^ \t\n]*)/.exec(rest)?.[1] ?? "");
  const fields = parseFields(rest);
  return fields === null ? null : { kind: "minutes", isDue: (minute) => fits(fields, minute) };
}

function parseNamed(name: string): Schedule | null {
  if (name === "reboot" || name === "restart") return { kind: "start" };
  if (name === "yearly" || name === "annually") return { kind: "minutes", isDue: () => false };
  const pattern = NAMED[name];
  return pattern === undefined ? null : parseSchedule(pattern);
}

/** Five fields; whatever follows them is ignored. */
function parseFields(text: string): Fields | null {
  const [minute, hour, day, month, weekday] = text.split("\n")[0]?.split(/[ \t]+/) ?? [];
  if (!minute || !hour || !day || !month || !weekday) return null;
  const lastDay = day === "$";
  const sets = {
    minute: parseField(minute, MINUTE),
    hour: parseField(hour, HOUR),
    day: lastDay ? new Set<number>() : parseField(day, DAY),
    month: parseField(month, MONTH),
    weekday: parseField(weekday, WEEKDAY),
  };
  if (!sets.minute || !sets.hour || !sets.day || !sets.month || !sets.weekday) return null;
  if (sets.weekday.has(7)) sets.weekday.add(0);
  return {
    ...{ minute: sets.minute, hour: sets.hour, day: sets.day },
    ...{ month: sets.month, weekday: sets.weekday, lastDay },
    both: day.startsWith("*") || weekday.startsWith("*"),
  };
}

const RANGE = /^(?:(\*)|([A-Za-z0-9]+)(?:-([A-Za-z0-9]*))?)(?:\/([A-Za-z0-9]*))?/;

/** Ranges with commas in between; what follows the last one is ignored. Null when a range is none. */
function parseField(text: string, kind: FieldKind): Set<number> | null {
  const numbers = new Set<number>();
  for (let rest = text;;) {
    const match = RANGE.exec(rest);
    if (match === null) return null;
    const found = numbersOf(match, kind);
    if (found === null) return null;
    for (const number of found) numbers.add(number);
    rest = rest.slice(match[0].length);
    if (!rest.startsWith(",")) return numbers;
    rest = rest.slice(1);
  }
}

function numbersOf([, star, from, to, every]: RegExpExecArray, kind: FieldKind): number[] | null {
  const single = star === undefined && to === undefined;
  if (single && every !== undefined) return null;
  const first = star === undefined ? numberOf(from ?? "", kind) : kind.low;
  const last = single ? first : star === undefined ? numberOf(to ?? "", kind) : kind.high;
  const step = every === undefined ? 1 : /^\d+$/.test(every) ? Number(every) : 0;
  const inside = (number: number | null) =>
    number !== null && number >= kind.low && number <= kind.high;
  if (first === null || last === null || !inside(first) || !inside(last)) return null;
  if (step < 1 || step > kind.high) return null;
  if (first > last && step === 1) return backwards(first, last, kind);
  const numbers: number[] = [];
  for (let number = first; number <= last; number += step) numbers.push(number);
  return numbers;
}

function numberOf(text: string, { low, names }: FieldKind): number | null {
  const index = names.indexOf(text.toLowerCase());
  if (index >= 0) return index + low;
  return /^\d+$/.test(text) ? Number(text) : null;
}

/**
 * A range that ends before it begins. Upstream keeps a field's numbers as bits and fills whole octets: nothing when both
 * ends are in one octet, else what follows the first in its own and what precedes the last in its own.
 */
function backwards(first: number, last: number, { low, high }: FieldKind): number[] {
  const octet = (number: number) => Math.floor((number - low) / 8);
  if (octet(first) === octet(last)) return [];
  const numbers: number[] = [];
  for (let number = low; number <= high; number++) {
    const after = number >= first && octet(number) === octet(first);
    const before = number <= last && octet(number) === octet(last);
    if (after || before) numbers.push(number);
  }
  return numbers;
}

function fits(fields: Fields, minute: Date): boolean {
  if (!fields.minute.has(minute.getUTCMinutes())) return false;
  if (!fields.hour.has(minute.getUTCHours())) return false;
  if (!fields.month.has(minute.getUTCMonth() + 1)) return false;
  const tomorrow = new Date(minute.getTime() + 24 * 60 * 60 * 1_000);
  const day = fields.day.has(minute.getUTCDate()) ||
    (fields.lastDay && tomorrow.getUTCDate() === 1);
  const weekday = fields.weekday.has(minute.getUTCDay());
  return fields.both ? day && weekday : day || weekday;
}

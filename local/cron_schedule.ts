/**
 * When a job of pg_cron is due.
 *
 * @module
 */

import { Cron } from "croner";

/** `interval` in seconds, or a test for the start of a minute (GMT). */
export type Schedule =
  | { kind: "interval"; seconds: number }
  | { kind: "minutes"; isDue: (minute: Date) => boolean };

/** Reads a schedule; `null` when it is none. */
export function parseSchedule(text: string): Schedule | null {
  const seconds = /^\s*([1-9]|[1-5]\d)\s+seconds?\s*$/i.exec(text)?.[1];
  if (seconds !== undefined) return { kind: "interval", seconds: Number(seconds) };
  try {
    // pg_cron writes the last day of the month as `$`, croner as `L`.
    const pattern = text.trim().replace(/(?<=[\s,])\$(?=[\s,])/g, "L");
    const cron = new Cron(pattern, {
      timezone: "UTC",
      ...(pattern.startsWith("@") ? {} : { mode: "5-part" }),
    });
    return {
      kind: "minutes",
      isDue: (minute) =>
        cron.nextRun(new Date(minute.getTime() - 1))?.getTime() === minute.getTime(),
    };
  } catch {
    return null;
  }
}

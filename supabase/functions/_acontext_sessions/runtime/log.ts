/**
 * One JSON object per line, at a bounded rate.
 *
 * @module
 */
import type { Log } from "../core/ports.ts";

type Level = "info" | "warn" | "error";
type Fields = Parameters<Log["info"]>[1];

/**
 * The platform keeps 100 events per 10 s and drops the rest unseen. We drop first, say how many, and leave room for
 * errors. Source: https://supabase.com/docs/guides/functions/limits
 */
const WINDOW_MS = 10_000;
const LIMITS: Record<Level, number> = { info: 60, warn: 80, error: 95 };
const MAX_TEXT = 300;

export interface LogOptions {
  /** The function's name, in every line. */
  name: string;
  /** Where lines go; the console unless a test looks. */
  write?: (level: Level, line: string) => void;
  /** Milliseconds. */
  now?: () => number;
}

/** Makes the log of one function. Fields must not hold secrets, tokens or what users wrote. */
export function createLog(
  { name, write = writeToConsole, now = performance.now.bind(performance) }: LogOptions,
): Log {
  let windowStart = now();
  let written = 0;
  let dropped = 0;

  function log(level: Level, event: string, fields: Fields): void {
    const time = now();
    if (time - windowStart >= WINDOW_MS) {
      windowStart = time;
      written = 0;
    }
    if (written >= LIMITS[level]) {
      dropped++;
      return;
    }
    written++;
    write(
      level,
      JSON.stringify({ level, function: name, event, ...fields, ...droppedLines() }, shorten),
    );
  }

  function droppedLines(): { dropped?: number } {
    if (dropped === 0) return {};
    const count = dropped;
    dropped = 0;
    return { dropped: count };
  }

  return {
    info: (event, fields) => log("info", event, fields),
    warn: (event, fields) => log("warn", event, fields),
    error: (event, fields) => log("error", event, fields),
  };
}

function shorten(_key: string, value: unknown): unknown {
  return typeof value === "string" && value.length > MAX_TEXT ? value.slice(0, MAX_TEXT) : value;
}

function writeToConsole(level: Level, line: string): void {
  console[level](line);
}

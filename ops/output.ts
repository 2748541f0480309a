/**
 * What a command prints: a result for people or for programs, and progress beside it.
 *
 * @module
 */

export interface Output {
  /** The result: `lines` for people, with `--json` the value. */
  result(value: unknown, lines: () => string[]): void;
  /** Something to read while it takes its time. Never part of the result. */
  progress(line: string): void;
}

export function createOutput(options: {
  json: boolean;
  stdout: (line: string) => void;
  stderr: (line: string) => void;
}): Output {
  return {
    result(value, lines) {
      if (options.json) options.stdout(JSON.stringify(value, null, 2));
      else for (const line of lines()) options.stdout(line);
    },
    progress: options.stderr,
  };
}

/** Columns as wide as their widest cell; numbers to the right. */
export function table(header: string[], rows: (string | number | null)[][]): string[] {
  const cells = [header, ...rows.map((row) => row.map((cell) => cell === null ? "–" : `${cell}`))];
  const widths = header.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const right = header.map((_, i) => rows.length > 0 && rows.every((row) => isNumber(row[i])));
  return cells.map((row) =>
    row.map((cell, i) => {
      const width = widths[i] ?? 0;
      return right[i] ? cell.padStart(width) : cell.padEnd(width);
    }).join("  ").trimEnd()
  );
}

function isNumber(cell: string | number | null | undefined): boolean {
  return typeof cell === "number" || cell === null;
}

/** `2026-11-20 23:15:07` in GMT, as the schedules are. */
export function shortTime(iso: string | null): string | null {
  return iso === null ? null : new Date(iso).toISOString().slice(0, 19).replace("T", " ");
}

/** `3 d`, `5 h`, `12 min`, `40 s`. */
export function shortDuration(seconds: number | null): string | null {
  if (seconds === null) return null;
  if (seconds >= 172_800) return `${Math.floor(seconds / 86_400)} d`;
  if (seconds >= 7_200) return `${Math.floor(seconds / 3_600)} h`;
  if (seconds >= 120) return `${Math.floor(seconds / 60)} min`;
  return `${seconds} s`;
}

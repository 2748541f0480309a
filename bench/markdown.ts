/** Tables and numbers of the reports. @module */

/** Columns of numbers are aligned to the right. */
export function table(head: string[], rows: string[][]): string {
  const rule = head.map((_, column) =>
    isNumeric(rows.map((row) => row[column] ?? "")) ? "---:" : "---"
  );
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function isNumeric(cells: string[]): boolean {
  return cells.every((cell) => cell === "" || /^[-–\d]/.test(cell));
}

/** Three significant digits, thousands separated: `0.123`, `4.56`, `78.9`, `1,230`. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 6 });
}

export function milliseconds(value: number): string {
  return `${figure(value)} ms`;
}

/** Whether a goal was reached. */
export function verdict(met: boolean): string {
  return met ? "met" : "missed";
}

/** The same of a goal in several settings. */
export function verdicts(met: boolean[]): string {
  const times = met.filter(Boolean).length;
  return times === 0 || times === met.length
    ? verdict(times > 0)
    : `met in ${times} of ${met.length}`;
}

export function percent(share: number): string {
  return `${figure(100 * share)} %`;
}

/** `1,000,000` as `1 M`, `10,000` as `10 k`. */
export function count(value: number): string {
  if (value >= 1_000_000) return `${figure(value / 1_000_000)} M`;
  return value >= 1_000 ? `${figure(value / 1_000)} k` : String(value);
}

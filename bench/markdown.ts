/** Tables and numbers of the reports. @module */

/** A table; the first column is text, the others are numbers. */
export function table(head: string[], rows: string[][]): string {
  const rule = head.map((_, column) => column === 0 ? "---" : "---:");
  return [head, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Three significant digits, thousands separated: `0.123`, `4.56`, `78.9`, `1,230`. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 6 });
}

export function milliseconds(value: number): string {
  return `${figure(value)} ms`;
}

/** What became of a goal. */
export function verdict(met: boolean): string {
  return met ? "met" : "missed";
}

export function percent(share: number): string {
  return `${figure(100 * share)} %`;
}

/** `1,000,000` as `1 M`, `10,000` as `10 k`. */
export function count(value: number): string {
  if (value >= 1_000_000) return `${figure(value / 1_000_000)} M`;
  return value >= 1_000 ? `${figure(value / 1_000)} k` : String(value);
}

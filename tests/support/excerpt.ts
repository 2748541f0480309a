/** What one has to read of a suite's output when it failed. @module */

/** The most lines of a suite that are said again at the end. */
const MOST = 150;
const LAST = 40;

/**
 * From all lines that a suite printed: Deno's errors, what pg_prove and the other runners call failed, and the seeds that
 * repeat it. The last lines where none of these is found.
 */
export function excerptOf(lines: string[]): string[] {
  const seeds = lines.filter((line) => /^[A-Z]+_SEED=\d+$/.test(line));
  const found = [...denoErrors(lines), ...failedAssertions(lines)];
  const said = found.length > 0 ? found : lines.slice(-LAST);
  return [...seeds, ...said].slice(0, MOST);
}

function denoErrors(lines: string[]): string[] {
  const from = lines.indexOf(" ERRORS ");
  if (from < 0) return [];
  const until = lines.indexOf(" FAILURES ", from);
  return lines.slice(from + 1, until < 0 ? undefined : until);
}

/** With what is said below each of them: pg_prove's comments, the indented text of a check. */
function failedAssertions(lines: string[]): string[] {
  const found: string[] = [];
  let inside = false;
  for (const line of lines) {
    inside = /^(?:not ok \d|FAIL )/.test(line) || (inside && /^(?:#| {6})/.test(line));
    if (inside) found.push(line);
  }
  return found;
}

/**
 * Why a function does not start, in its own words, and what to do.
 *
 * @module
 */

/** More would push the beginning off the screen; the log file has all of it. */
const MAX_LINES = 25;

/** What Deno says, and what follows from it. */
const REMEDIES: [RegExp, string][] = [
  [
    /lockfile is out of date/i,
    "Its imports are not what supabase/functions/deno.lock holds: run `npm run check -- --fix`",
  ],
  [
    /--cached-only|not found in (?:npm )?cache/i,
    "A package that it imports was not fetched: it has to stand in its deno.json with an exact version; then run " +
    "`npm run check -- --fix`",
  ],
];

/** @param said What the function's process wrote to stderr. */
export function startProblem(name: string, said: string[]): string {
  const text = said.join("\n");
  const remedy = REMEDIES.find(([pattern]) => pattern.test(text))?.[1] ??
    `Correct it in supabase/functions/${name}, then start again`;
  const left = said.length - MAX_LINES;
  return [
    `Cannot start function "${name}":`,
    ...(said.length === 0 ? ["    (it said nothing)"] : []),
    ...said.slice(0, MAX_LINES).map((line) => `    ${line}`),
    ...(left > 0 ? [`    … and ${left} lines more in logs/${name}.log`] : []),
    `  ${remedy}.`,
  ].join("\n");
}

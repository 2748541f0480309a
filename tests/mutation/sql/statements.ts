/** Statements of PL/pgSQL, each taken away. @module */

import type { Edit } from "../mutant.ts";
import type { Token } from "./tokens.ts";

const UNTIL: Readonly<Record<string, string>> = {
  if: "then",
  elsif: "then",
  when: "then",
  while: "loop",
  for: "loop",
  foreach: "loop",
  declare: "begin",
  end: ";",
};
const ALONE = new Set(["else", "loop", "begin", "exception"]);
/** Without `return` the function would be no function, and `null` does nothing already. */
const KEPT = new Set(["return", "null"]);

export function statementEdits(tokens: readonly Token[]): Edit[] {
  const edits: Edit[] = [];
  let i = 0;
  while (i < tokens.length) {
    const first = tokens[i];
    if (first === undefined) break;
    const until = UNTIL[first.text];
    if (ALONE.has(first.text)) i += 1;
    else if (until !== undefined) i = after(tokens, i, until);
    else {
      const next = after(tokens, i, ";");
      const last = tokens[next - 1];
      if (!KEPT.has(first.text) && last !== undefined && last.text === ";") {
        edits.push({
          start: first.start,
          end: last.end,
          replacement: "null;",
          mutator: "statement removed",
        });
      }
      i = next;
    }
  }
  return edits;
}

/** The index behind the next `end` word that is in no parentheses and in no `case`. */
function after(tokens: readonly Token[], from: number, end: string): number {
  let cases = 0;
  for (let i = from; i < tokens.length; i++) {
    const token = tokens[i];
    if (token === undefined || token.depth > 0) continue;
    if (token.text === "case") cases += 1;
    else if (cases > 0 && token.text === "end") cases -= 1;
    else if (cases === 0 && token.text === end && (i > from || end === ";")) return i + 1;
  }
  return tokens.length;
}

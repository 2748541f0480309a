/** Conditions of SQL, and what is left of them when a part is taken away. @module */

import type { Edit } from "../mutant.ts";
import type { Token } from "./tokens.ts";

/** A condition begins after these. */
const OPENERS = new Set(["where", "on", "if", "elsif", "when", "having", "while"]);
/** It ends before these, at its own depth. */
const CLOSERS = new Set(
  ("then loop group order limit for returning union intersect except join left right inner cross full window as from " +
    "else end offset using do when where on having").split(" "),
);
const CONNECTIVES = new Set(["and", "or"]);
/** Names of errors, which come after `when` too. */
const ERROR_NAME = /^(others|\w+_(violation|error|exception|available|detected|exists|failure))$/;

/** One operand of `and` or `or`, or a condition that has only one. */
interface Operand {
  from: number;
  /** The index of its last token. */
  to: number;
  connective: "and" | "or" | null;
  opener: string;
}

/** Each operand replaced by what makes it not matter, and each lone condition by both truths. */
export function conditionEdits(tokens: readonly Token[]): Edit[] {
  return operands(tokens).flatMap(({ from, to, connective, opener }) => {
    const [start, end] = [tokens[from]?.start ?? 0, tokens[to]?.end ?? 0];
    const edit = (replacement: string, mutator: string): Edit => ({
      start,
      end,
      replacement,
      mutator,
    });
    if (connective === "and") return [edit("true", "conjunct removed")];
    if (connective === "or") return [edit("false", "disjunct removed")];
    if (opener === "where" || opener === "on") return [edit("true", "condition removed")];
    return [edit("true", "condition always true"), edit("false", "condition never true")];
  });
}

function operands(tokens: readonly Token[]): Operand[] {
  const found: Operand[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const opener = tokens[i];
    if (opener === undefined || !opens(tokens, i)) continue;
    found.push(...split(tokens, { from: i + 1, opener: opener.text, depth: opener.depth }));
  }
  // What is in parentheses, or is a value: `(a or b)`, `return a and b`.
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token === undefined) continue;
    const [from, depth] = token.text === "("
      ? [i + 1, token.depth + 1]
      : ["return", "select", ":="].includes(token.text)
      ? [i + 1, token.depth]
      : [0, 0];
    if (from === 0) continue;
    const parts = split(tokens, { from, opener: "", depth });
    found.push(...parts.filter(({ connective }) => connective !== null));
  }
  return found;
}

function opens(tokens: readonly Token[], i: number): boolean {
  const token = tokens[i];
  const [before, next, afterNext] = [
    tokens[i - 1]?.text,
    tokens[i + 1]?.text,
    tokens[i + 2]?.text,
  ];
  if (token === undefined || !OPENERS.has(token.text)) return false;
  if (token.text === "if" && before === "end") return false;
  if (token.text === "on" && next === "conflict") return false;
  // A simple case, or the name of an error.
  const lone = afterNext === "then" || afterNext === "or";
  return !(token.text === "when" && lone &&
    (ERROR_NAME.test(next ?? "") || tokens[i + 1]?.kind !== "word"));
}

function split(
  tokens: readonly Token[],
  { from, opener, depth }: { from: number; opener: string; depth: number },
): Operand[] {
  const parts: Operand[] = [];
  let begin = from;
  let between = false;
  /** `case … end` inside of the condition. */
  let cases = 0;
  let last: "and" | "or" | null = null;
  for (let i = from; i <= tokens.length; i++) {
    const token = tokens[i];
    if (token !== undefined && token.depth > depth) continue;
    if (token?.text === "case") cases += 1;
    else if (token?.text === "end" && cases > 0) cases -= 1;
    else if (cases > 0 && token !== undefined && token.text !== ";") continue;
    else if (token?.text === "between") between = true;
    else if (token?.text === "and" && between) between = false;
    else if (token !== undefined && CONNECTIVES.has(token.text)) {
      const connective = token.text === "and" ? "and" : "or";
      parts.push({ from: begin, to: i - 1, connective, opener });
      last = connective;
      begin = i + 1;
    } else if (token === undefined || closes(tokens, i, depth)) {
      if (i > begin) parts.push({ from: begin, to: i - 1, connective: last, opener });
      break;
    }
  }
  return parts;
}

function closes(tokens: readonly Token[], i: number, depth: number): boolean {
  const token = tokens[i];
  if (token === undefined || token.depth < depth) return true;
  if (token.text === ";" || token.text === ",") return true;
  // `is distinct from`
  if (token.text === "from" && tokens[i - 1]?.text === "distinct") return false;
  return token.kind === "word" && CLOSERS.has(token.text) && tokens[i - 1]?.text !== ".";
}

/** Every small change that is made to the body of a function of the database. @module */

import type { Edit } from "../mutant.ts";
import { conditionEdits } from "./conditions.ts";
import { statementEdits } from "./statements.ts";
import { type Token, tokenize } from "./tokens.ts";

const OPERATORS: Readonly<Record<string, { to: string; mutator: string }>> = {
  "<": { to: "<=", mutator: "boundary" },
  "<=": { to: "<", mutator: "boundary" },
  ">": { to: ">=", mutator: "boundary" },
  ">=": { to: ">", mutator: "boundary" },
  "=": { to: "<>", mutator: "comparison" },
  "<>": { to: "=", mutator: "comparison" },
  "+": { to: "-", mutator: "arithmetic" },
  "-": { to: "+", mutator: "arithmetic" },
};
const WORDS: Readonly<Record<string, string>> = {
  true: "false",
  false: "true",
  greatest: "least",
  least: "greatest",
};
/** Before a text that only people read. */
const FOR_PEOPLE = new Set(["exception", "warning", "notice", "log", "debug", "info"]);
const FOR_PEOPLE_OPTIONS = new Set(["message", "hint", "detail"]);

/** @param body Of a function in SQL, or in PL/pgSQL, whose statements can be told apart. */
export function sqlEdits(body: string, language: string): Edit[] {
  const tokens = tokenize(body);
  const edits = [
    ...tokens.flatMap((_, i) => editsAt(tokens, i)),
    ...conditionEdits(tokens),
    ...(language === "plpgsql" ? statementEdits(tokens) : []),
  ];
  const seen = new Set<string>();
  return edits.toSorted((a, b) => a.start - b.start || a.end - b.end).filter((edit) => {
    const name = `${edit.start} ${edit.end} ${edit.replacement}`;
    return !seen.has(name) && seen.add(name);
  });
}

function editsAt(tokens: readonly Token[], i: number): Edit[] {
  const token = tokens[i];
  if (token === undefined) return [];
  switch (token.kind) {
    case "operator":
      return operatorEdits(tokens, i, token);
    case "number":
      return isPlaceholder(tokens, i)
        ? []
        : [replaced(token, String(Number(token.text) + 1), "constant")];
    case "string":
      return stringEdits(tokens, i, token);
    case "word":
      return wordEdits(tokens, i, token);
    case "mark":
      return [];
  }
}

function operatorEdits(tokens: readonly Token[], i: number, token: Token): Edit[] {
  const change = OPERATORS[token.text];
  if (change === undefined || (token.text === "=" && assigns(tokens, i))) return [];
  return [replaced(token, change.to, change.mutator)];
}

/** `select 1 from …` is for what has to be there, whatever it is. */
function isPlaceholder(tokens: readonly Token[], i: number): boolean {
  return ["select", "perform"].includes(tokens[i - 1]?.text ?? "") &&
    tokens[i + 1]?.text === "from";
}

/** `set a = …, b = …`, and the options of `raise`. */
function assigns(tokens: readonly Token[], i: number): boolean {
  const before = tokens[i - 2]?.text ?? "";
  return before === "set" || before === "using" || before === "," || tokens[i - 1]?.text === ")";
}

function stringEdits(tokens: readonly Token[], i: number, token: Token): Edit[] {
  const before = tokens[i - 1]?.text ?? "";
  if (before === "interval") return [replaced(token, `${token.text} * 2`, "constant")];
  const option = before === "=" ? tokens[i - 2]?.text ?? "" : "";
  if (FOR_PEOPLE.has(before) || FOR_PEOPLE_OPTIONS.has(option)) return [];
  if (!token.text.startsWith("'")) return [];
  return [replaced(token, `${token.text.slice(0, -1)}~'`, "constant")];
}

function wordEdits(tokens: readonly Token[], i: number, token: Token): Edit[] {
  const [before, next] = [tokens[i - 1]?.text, tokens[i + 1]];
  const other = WORDS[token.text];
  if (other !== undefined && before !== ".") return [replaced(token, other, "constant")];
  switch (token.text) {
    case "is":
      return next?.text === "not"
        ? [{ ...gone(next), mutator: "negation" }]
        : [{ ...behind(token), replacement: " not", mutator: "negation" }];
    case "not":
      return before === "is" ? [] : [{ ...gone(token), mutator: "negation" }];
    case "exists":
      return before === "not" ? [] : [replaced(token, "not exists", "negation")];
    case "in":
      return before === "not" || tokens[i - 2]?.text === "for" || next?.text !== "("
        ? []
        : [replaced(token, "not in", "negation")];
    case "desc":
      return [{ ...gone(token), mutator: "order" }];
    case "for":
      return lockEdits(tokens, i, token);
    case "skip":
      return next?.text === "locked" ? [{ ...gone(token, next), mutator: "skip locked" }] : [];
    case "coalesce":
      return withoutDefault(tokens, i);
    default:
      return [];
  }
}

/** `for [no key] update [of …] [skip locked]`, without `skip locked` alone, which is a mutant of its own. */
function lockEdits(tokens: readonly Token[], i: number, token: Token): Edit[] {
  const lock = /^(?:(no key )?update|(key )?share)\b/;
  const text = tokens.slice(i + 1, i + 4).map((other) => other.text).join(" ");
  if (!lock.test(text)) return [];
  let last = i;
  while (
    ["for", "no", "key", "update", "share", "of", "skip", "locked", "nowait"]
      .includes(tokens[last + 1]?.text ?? "") || tokens[last]?.text === "of"
  ) last += 1;
  return [{ ...gone(token, tokens[last]), mutator: "lock" }];
}

/** `coalesce(a, b)` becomes `coalesce(a)`. */
function withoutDefault(tokens: readonly Token[], i: number): Edit[] {
  const open = tokens[i + 1];
  if (open?.text !== "(") return [];
  const rest = tokens.slice(i + 2);
  const comma = rest.find(({ text, depth }) => text === "," && depth === open.depth + 1);
  const close = rest.find(({ text, depth }) => text === ")" && depth === open.depth);
  if (comma === undefined || close === undefined || comma.start > close.start) return [];
  return [{ start: comma.start, end: close.start, replacement: "", mutator: "coalesce" }];
}

function replaced(token: Token, replacement: string, mutator: string): Edit {
  return { start: token.start, end: token.end, replacement, mutator };
}

function gone(first: Token, last: Token = first) {
  return { start: first.start, end: last.end, replacement: "" };
}

function behind(token: Token) {
  return { start: token.end, end: token.end };
}

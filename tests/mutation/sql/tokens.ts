/** SQL and PL/pgSQL as tokens: enough to find conditions, locks and statements. @module */

export interface Token {
  kind: "word" | "string" | "number" | "operator" | "mark";
  /** In lower case if it is a word. */
  text: string;
  start: number;
  end: number;
  /** How many parentheses are open around it; a parenthesis itself is as deep as what it stands in. */
  depth: number;
}

const TOKEN =
  /(?<skip>\s+|--[^\n]*|\/\*[\s\S]*?\*\/)|(?<string>'(?:''|[^'])*'|\$(?<tag>\w*)\$[\s\S]*?\$\k<tag>\$)|(?<word>"[^"]+"|[A-Za-z_]\w*|\$\d+)|(?<number>\d+(?:\.\d+)?)|(?<operator>::|:=|\.\.|[-+*\/<>=~!@#%^&|?]+)|(?<mark>[\s\S])/gy;

/** Comments and blanks are left out. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let depth = 0;
  for (const { groups = {}, index, 0: whole } of text.matchAll(TOKEN)) {
    if (groups.skip !== undefined) continue;
    if (whole === ")" || whole === "]") depth -= 1;
    tokens.push({
      kind: kindOf(groups),
      text: groups.word === undefined ? whole : whole.toLowerCase(),
      start: index,
      end: index + whole.length,
      depth,
    });
    if (whole === "(" || whole === "[") depth += 1;
  }
  return tokens;
}

function kindOf(groups: Record<string, string | undefined>): Token["kind"] {
  for (const kind of ["string", "word", "number", "operator"] as const) {
    if (groups[kind] !== undefined) return kind;
  }
  return "mark";
}

/**
 * Finds numbers that would not be the same afterwards: JSON knows numbers of any length, JavaScript only doubles.
 *
 * @module
 */

/** Of JSON text. Strings are passed over without a choice for each character: one may have millions. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** More are told to nobody. A text may have hundreds of thousands, each thousands of levels deep. */
const MOST = 10;

interface Place {
  name: string;
  within: Place | null;
}

/** The paths of the first such numbers in JSON text, which has to be valid; empty in almost all texts. */
export function inexactNumbers(json: string): string[][] {
  if (!json.matchAll(TOKENS).some(([token]) => isInexact(token))) return [];
  // No other string in it is the same: this one has a character that JSON text cannot have.
  const sign = "\0inexact";
  const marked = json.replace(TOKENS, (token) => isInexact(token) ? JSON.stringify(sign) : token);
  return pathsOf(JSON.parse(marked), sign);
}

function isInexact(token: string): boolean {
  return !token.startsWith('"') && !isExact(token);
}

/** Whether the number that JavaScript reads has the digits that are written. It writes -0 as 0. */
function isExact(token: string): boolean {
  // A double holds any 15 digits.
  if (token.length <= 15 && !/[eE]|^-0/.test(token)) return true;
  const value = Number(token);
  return Number.isFinite(value) && digitsOf(token) === digitsOf(String(value));
}

/** Sign, digits and exponent in one form: 1.50e3 and 1500 are the same. */
function digitsOf(number: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const all = `${whole}${fraction}`.replace(/^0+/, "");
  const digits = all.replace(/0+$/, "");
  if (digits === "") return `${sign}0`;
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(all.length - digits.length);
  return `${sign}${digits}e${power}`;
}

/** Without a call for each level, of which there may be more than a stack holds. */
function pathsOf(root: unknown, sign: string): string[][] {
  const found: string[][] = [];
  const left: { value: unknown; place: Place | null }[] = [{ value: root, place: null }];
  for (let next = left.pop(); next !== undefined && found.length < MOST; next = left.pop()) {
    const { value, place } = next;
    if (value === sign) found.push(pathTo(place));
    if (typeof value !== "object" || value === null) continue;
    // The last that is put there is the next to be taken.
    for (const [name, item] of Object.entries(value).reverse()) {
      left.push({ value: item, place: { name, within: place } });
    }
  }
  return found;
}

function pathTo(place: Place | null): string[] {
  const names: string[] = [];
  for (let at = place; at !== null; at = at.within) names.push(at.name);
  return names.reverse();
}

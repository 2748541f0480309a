/**
 * Finds numbers that would not be the same afterwards: JSON knows numbers of any length, JavaScript only doubles.
 *
 * @module
 */

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** Of JSON text, strings aside. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** The paths of such numbers in JSON text, which has to be valid; empty in almost all texts. */
export function inexactNumbers(json: string): string[][] {
  if (!hasInexact(json)) return [];
  // No other string in it is the same: this one has a character that JSON text cannot have.
  const sign = "\0inexact";
  const marked = json.replace(
    TOKENS,
    (token) => token.startsWith('"') || isExact(token) ? token : JSON.stringify(sign),
  );
  return pathsOf(JSON.parse(marked), sign, []);
}

function hasInexact(json: string): boolean {
  let at = 0;
  while (at < json.length) {
    const quote = json.indexOf('"', at);
    const end = quote < 0 ? json.length : quote;
    for (const [token] of json.slice(at, end).matchAll(NUMBER)) {
      if (!isExact(token)) return true;
    }
    at = quote < 0 ? json.length : afterString(json, quote);
  }
  return false;
}

function afterString(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  while (end >= 0 && isEscaped(json, end)) end = json.indexOf('"', end + 1);
  return end < 0 ? json.length : end + 1;
}

function isEscaped(json: string, at: number): boolean {
  let slashes = 0;
  while (json[at - 1 - slashes] === "\\") slashes++;
  return slashes % 2 === 1;
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

function pathsOf(value: unknown, sign: string, path: string[]): string[][] {
  if (value === sign) return [path];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) => pathsOf(item, sign, [...path, name]));
}

/** A small change to the product that some test should notice, and which of them are tried. @module */

import { globToRegExp } from "@std/path/mod.js";
import { Random } from "../simulation/random.ts";

/** A stretch of a text and what it becomes. */
export interface Edit {
  /** Offsets into the text, `end` exclusive. */
  start: number;
  end: number;
  replacement: string;
  /** The kind of change, in a word or two. */
  mutator: string;
}

export interface Mutant extends Edit {
  /** Relative to the project's root. */
  file: string;
  /** Counts from 1. */
  line: number;
  /** What was there, on one line. */
  original: string;
  /** Names the mutant as long as its text stays as it is, wherever that moves within the file. */
  key: string;
}

/** What became of a mutant. */
export interface Verdict {
  mutant: Mutant;
  /** The suite that noticed; null when none did; `invalid` is no program any more, and does not count. */
  caughtBy: string | null;
}

/** Which mutants are tried. */
export interface Selection {
  /** Of files that match, relative to the project's root; null: of all. */
  files: string | null;
  /** So many of those at most; null: all. */
  sample: number | null;
  seed: number;
  /** Just these instead; null: whatever is drawn. */
  keys: ReadonlySet<string> | null;
}

export interface Attempt {
  selection: Selection;
  /** Without the integration suite. */
  quick: boolean;
  onVerdict: (verdict: Verdict) => void;
}

export interface Tried {
  /** How many there are, of the files that were asked for. */
  total: number;
  verdicts: Verdict[];
}

const SHOWN = 100;

/** Gives each edit its place and its key. Equal changes to equal texts are told apart by a number. */
export function nameMutants(
  edits: readonly Edit[],
  { file, text, firstLine = 1 }: { file: string; text: string; firstLine?: number },
): Mutant[] {
  const seen = new Map<string, number>();
  return edits.map((edit) => {
    const original = oneLine(text.slice(edit.start, edit.end));
    const name = `${file}: ${original} → ${oneLine(edit.replacement)} (${edit.mutator})`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return {
      ...edit,
      file,
      original,
      line: firstLine + text.slice(0, edit.start).split("\n").length - 1,
      key: count === 1 ? name : `${name} #${count}`,
    };
  });
}

/**
 * The mutants that are tried: those with the keys, or a sample that depends on the seed alone, in the order of the files.
 *
 * @returns with how many there were to draw from.
 * @throws {Error} when a key is no mutant's: the code has changed.
 */
export function choose(
  mutants: readonly Mutant[],
  { files, sample, seed, keys }: Selection,
): { total: number; chosen: ReadonlySet<Mutant> } {
  const pattern = files === null ? null : globToRegExp(files);
  const wanted = mutants.filter(({ file }) => pattern === null || pattern.test(file));
  if (keys !== null) {
    const chosen = new Set(wanted.filter(({ key }) => keys.has(key)));
    if (chosen.size === keys.size) return { total: wanted.length, chosen };
    throw new Error("Cannot find all of the recorded mutants: the code has changed since");
  }
  const left = [...wanted];
  const drawn = new Set<Mutant>();
  const random = new Random(seed);
  while (left.length > 0 && (sample === null || drawn.size < sample)) {
    const [mutant] = left.splice(random.below(left.length), 1);
    if (mutant !== undefined) drawn.add(mutant);
  }
  return { total: wanted.length, chosen: new Set(wanted.filter((mutant) => drawn.has(mutant))) };
}

/** For people: the beginning of a text, without its line breaks. */
export function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length <= SHOWN ? line : `${line.slice(0, SHOWN - 1)}…`;
}

/** A mechanism and how to take it away. @module */

/** In the source of one file, below `supabase/functions/_acontext_sessions`. `find` has to be there exactly once. */
export interface CodePatch {
  file: string;
  find: string;
  replace: string;
}

/** In the definition of one function of the database, named as `regprocedure` reads it, or a statement. */
export type SqlPatch =
  | { function: string; find: string; replace: string }
  | { statement: string };

export interface Mutant {
  /** The mechanism that is taken away. */
  mechanism: string;
  code?: CodePatch[];
  sql?: SqlPatch[];
  /** A second layer: nothing is broken without it, as long as the first holds. Then it is not tried alone. */
  backedUp?: {
    /** What stands behind it, in sentences. */
    by: string;
    /** The test of its own that it has, below the project's root. */
    test: string;
  };
}

/** @throws {Error} when `find` is missing or there twice: the mutant has rotted and tests nothing. */
export function replaceOnce(
  text: string,
  { find, replace }: { find: string; replace: string },
  where: string,
): string {
  const parts = text.split(find);
  if (parts.length !== 2) {
    throw new Error(`Cannot patch ${where}: found ${parts.length - 1} times: ${find}`);
  }
  return parts.join(replace);
}

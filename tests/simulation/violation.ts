/** What a run found wrong. @module */

/**
 * `leak`: a remote resource that nothing leads to. `wrong deletion`: one that was, or was about to be, deleted without
 * a reason. `content loss`: what a live session holds was lost by what we did. `stuck`: work that does not get done, or is done over and over.
 */
export type ViolationKind = "leak" | "wrong deletion" | "content loss" | "stuck";

export interface Violation {
  kind: ViolationKind;
  /** The check that found it. */
  check: string;
  detail: string;
}

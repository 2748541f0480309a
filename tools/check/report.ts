/**
 * Counts and prints what was checked.
 *
 * @module
 */

export interface Report {
  passed: number;
  failed: number;
  /** What cannot be checked on this machine. */
  leftOut: string[];
  /** What was said of those that failed. */
  problems: string[];
  /** `problem` is null when all is well. */
  add(name: string, problem: string | null): void;
  leaveOut(name: string, why: string): void;
}

export function reporter(): Report {
  return {
    passed: 0,
    failed: 0,
    leftOut: [],
    problems: [],
    add(name, problem) {
      if (problem === null) {
        this.passed += 1;
        console.log(`ok    ${name}`);
        return;
      }
      this.failed += 1;
      const said = `FAIL  ${name}\n${problem.trim().replace(/^/gm, "      ")}`;
      this.problems.push(said);
      console.log(said);
    },
    leaveOut(name, why) {
      this.leftOut.push(`${name}: ${why}`);
      console.log(`left out: ${name}: ${why}`);
    },
  };
}

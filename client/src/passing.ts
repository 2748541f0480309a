/**
 * Which failures of the Data API pass by themselves. As `database/passing.ts` of the functions, which explains it; a test
 * compares them.
 *
 * @module
 */

const PASSING = /^(08...|40...|53...|57...|55P03|25006)$/;
const SQLSTATE = /^[0-9A-Z]{5}$/;

/** @param failure `status` is 0 when no answer came. */
export function mayPass({ code, status }: { code: string; status: number }): boolean {
  const raised = /^PT(\d{3})$/.exec(code)?.[1];
  if (raised === undefined && SQLSTATE.test(code)) return PASSING.test(code);
  const answered = raised === undefined ? status : Number(raised);
  return answered === 0 || answered === 408 || answered === 429 || answered >= 500;
}

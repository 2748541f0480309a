/**
 * Which failures of a database call pass by themselves.
 *
 * A SQLSTATE decides where there is one: PostgREST gives 500 to a deadlock and to a broken index alike. `PTxyz` is an
 * error that a function raises to be answered with the HTTP status `xyz`. What has neither, PostgREST's own codes and
 * the answers of gateways, goes by its status. Sources: https://www.postgresql.org/docs/17/errcodes-appendix.html,
 * https://docs.postgrest.org/en/v14/references/errors.html
 *
 * @module
 */

/**
 * Lost connections (08), aborted transactions (40), exhausted connections, memory or disk (53), operators and timeouts
 * (57). Then a lock that was not had in time, and a database that is read-only for a while, as when its disk is full.
 */
const PASSING = /^(08...|40...|53...|57...|55P03|25006)$/;
/** Of any form that PostgreSQL gives out, extensions and `raise` included. */
const SQLSTATE = /^[0-9A-Z]{5}$/;

/** @param failure `status` is 0 when no answer came. */
export function mayPass({ code, status }: { code: string; status: number }): boolean {
  const raised = /^PT(\d{3})$/.exec(code)?.[1];
  if (raised === undefined && SQLSTATE.test(code)) return PASSING.test(code);
  const answered = raised === undefined ? status : Number(raised);
  return answered === 0 || answered === 408 || answered === 429 || answered >= 500;
}

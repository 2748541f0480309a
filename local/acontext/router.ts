/** From method and path to a route. @module */

import type { Call, State } from "./state.ts";

export interface Route {
  /** As faults and the audit name it: `DELETE /session/:id`. */
  name: string;
  /** Public links carry their right in the path. */
  public?: true;
  handle(call: Call, state: State): Response | Promise<Response>;
  /** What the handler makes of a database that does not answer. */
  outage(): Response;
}

export interface Match {
  route: Route;
  param: string;
}

export type Router = (method: string, pathname: string) => Match | null;

const BASE = "/api/v1/";

/** @param routes with at most one variable segment each, the second. */
export function createRouter(routes: readonly Route[]): Router {
  const exact = new Map<string, Route>();
  const variable = new Map<string, Route>();
  for (const route of routes) {
    const isVariable = /\/:[a-z]+/.test(route.name);
    (isVariable ? variable : exact).set(route.name.replace(/\/:[a-z]+/, "/:"), route);
  }
  return (method, pathname) => {
    if (!pathname.startsWith(BASE)) return null;
    const path = decode(pathname.slice(BASE.length));
    const route = exact.get(`${method} /${path}`);
    if (route !== undefined) return { route, param: "" };
    const [area = "", param = "", ...rest] = path.split("/");
    if (param === "") return null;
    const found = variable.get([`${method} /${area}/:`, ...rest].join("/"));
    return found === undefined ? null : { route: found, param };
  };
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

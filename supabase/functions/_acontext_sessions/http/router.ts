/**
 * Finds the handler for a method and a path inside a function.
 *
 * @module
 */
import { AppError } from "../core/errors.ts";

/** `POST /`, `DELETE /:id`, `POST /:id/restore` and the like; `:id` stands for one segment. */
export type RouteName = `${"GET" | "POST" | "DELETE"} /${string}`;

export interface Match<Handler> {
  handler: Handler;
  /** The path with `:id` in the place of the id. */
  template: string;
  /** The segment at `:id`, as sent; empty when the route has none. */
  segment: string;
}

interface Route<Handler> {
  method: string;
  template: string;
  segments: string[];
  handler: Handler;
}

/** Makes the matcher of the function `name`. It throws `not_found` and `method_not_allowed`. */
export function createRouter<Handler>(
  name: string,
  handlers: Partial<Record<RouteName, Handler>>,
): { methods: string[]; match: (method: string, pathname: string) => Match<Handler> } {
  const routes: Route<Handler>[] = Object.entries(handlers).flatMap(([key, handler]) => {
    const [method = "", template = ""] = key.split(" ");
    return handler === undefined ? [] : [{ method, template, segments: split(template), handler }];
  });

  function match(method: string, pathname: string): Match<Handler> {
    const segments = inside(name, pathname);
    const here = segments === null ? [] : routes.filter((route) => fits(route.segments, segments));
    const route = here.find((candidate) => candidate.method === method);
    if (route !== undefined && segments !== null) {
      const { handler, template } = route;
      return { handler, template, segment: segments[route.segments.indexOf(":id")] ?? "" };
    }
    if (here.length === 0) throw new AppError("not_found");
    const allowed = here.map((candidate) => candidate.method).join(", ");
    throw new AppError("method_not_allowed", {
      message: `Cannot use this method: the path supports "${allowed}"`,
    });
  }

  return { methods: [...new Set(routes.map((route) => route.method))], match };
}

/** The segments after the function's name, which the platform leaves in the path; null for another function's path. */
function inside(name: string, pathname: string): string[] | null {
  const segments = split(pathname);
  if (segments[0] === "functions" && segments[1] === "v1") segments.splice(0, 2);
  return segments.shift() === name ? segments : null;
}

function split(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "");
}

function fits(pattern: string[], segments: string[]): boolean {
  return pattern.length === segments.length &&
    pattern.every((part, index) => part === ":id" || part === segments[index]);
}

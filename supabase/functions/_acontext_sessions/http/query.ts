/**
 * Reads what comes in the URL and in headers, through schemas.
 *
 * @module
 */
import type * as z from "zod";
import { AppError } from "../core/errors.ts";
import { describeIssues } from "./details.ts";

/** Where supabase-js tells the platform the region that is to run the function; not meant for us. */
const PLATFORM_PARAMETER = "forceFunctionRegion";

/** The query as `schema` parses it. A parameter that comes twice is refused. */
export function readQuery<Schema extends z.ZodType>(
  url: string,
  schema: Schema,
): z.output<Schema> {
  const parameters = [...new URL(url).searchParams].filter(([name]) => name !== PLATFORM_PARAMETER);
  const values = Object.fromEntries(parameters);
  if (Object.keys(values).length < parameters.length) {
    throw new AppError("invalid_request", {
      message: "Cannot read the query: a parameter occurs more than once",
    });
  }
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  throw new AppError("invalid_request", { details: describeIssues(result.error) });
}

/** One value as `schema` parses it; `path` names it in the error, where it has a name of its own. */
export function readValue<Schema extends z.ZodType>(
  value: unknown,
  { schema, path }: { schema: Schema; path: string },
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const details = describeIssues(result.error).map(({ message, ...detail }) => ({
    path: [path, detail.path].filter((part) => part !== "").join("."),
    message,
  }));
  throw new AppError("invalid_request", { details });
}

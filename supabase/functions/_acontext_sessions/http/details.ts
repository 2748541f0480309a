/**
 * Says what is wrong with a request, field by field.
 *
 * @module
 */
import type * as z from "zod";
import type { ErrorDetail } from "../core/errors.ts";

const MAX_DETAILS = 10;
const MAX_PATH = 100;

export function describeIssues(error: z.ZodError): ErrorDetail[] {
  return error.issues.flatMap(describeIssue).slice(0, MAX_DETAILS);
}

/** The same problem at each of these places. */
export function describePaths(
  paths: readonly (readonly (string | number)[])[],
  message: string,
): ErrorDetail[] {
  return paths.slice(0, MAX_DETAILS).map((path) => detail(path.map(String), message));
}

/** Names the field and what is wrong with it, never its value. */
function describeIssue(issue: z.core.$ZodIssue): ErrorDetail[] {
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => detail([...path, key], "is not a known field"));
  }
  const noObject = issue.code === "invalid_type" && issue.expected === "object";
  return [detail(path, noObject ? "must be a JSON object" : issue.message)];
}

function detail(path: string[], message: string): ErrorDetail {
  return { path: path.join(".").slice(0, MAX_PATH).toWellFormed(), message };
}

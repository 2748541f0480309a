/** PostgreSQL's `jsonb @> jsonb`, and the index that makes it quick. @module */

import { isObject } from "./json.ts";

/** Does `document` contain `pattern` in the sense of PostgreSQL's `@>`? */
export function contains(document: unknown, pattern: unknown): boolean {
  if (Array.isArray(document) && !Array.isArray(pattern) && !isObject(pattern)) {
    return document.includes(pattern); // only at the top level: an array contains a bare scalar
  }
  return containsNested(document, pattern);
}

function containsNested(document: unknown, pattern: unknown): boolean {
  if (isObject(pattern)) {
    if (!isObject(document)) return false;
    return Object.entries(pattern).every(([key, value]) =>
      Object.hasOwn(document, key) && containsNested(document[key], value)
    );
  }
  if (Array.isArray(pattern)) {
    return Array.isArray(document) &&
      pattern.every((wanted) => document.some((element) => containsNested(element, wanted)));
  }
  return document === pattern;
}

/**
 * Names every scalar of a document with its path. A document that contains a pattern has all of the pattern's leaves,
 * so any one of them finds the candidates.
 */
export function leavesOf(value: unknown, path = ""): string[] {
  if (Array.isArray(value)) {
    return [...new Set(value.flatMap((element) => leavesOf(element, `${path}[]`)))];
  }
  if (isObject(value)) {
    return Object.entries(value).flatMap(([key, element]) =>
      leavesOf(element, `${path}.${JSON.stringify(key)}`)
    );
  }
  return [`${path}=${JSON.stringify(value)}`];
}

/** JSON as Go writes it. @module */

import { isObject } from "./json.ts";

/** Members in the order of their names, and nothing that HTML would take for its own. */
export function goJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goJson).join(",")}]`;
  if (isObject(value)) {
    const members = Object.keys(value).sort()
      .map((name) => `${goJson(name)}:${goJson(value[name])}`);
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

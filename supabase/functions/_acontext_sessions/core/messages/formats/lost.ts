/**
 * Members that no other format has a place for.
 *
 * @module
 */
import type { Json, JsonObject } from "../../ports.ts";
import type { Path } from "./json.ts";

/** Those that say something: what is null or empty is as good as absent. */
export function lostMembers(object: JsonObject, known: readonly string[], at: Path = []): Path[] {
  return Object.entries(object)
    .filter(([name, value]) => !known.includes(name) && saysSomething(value))
    .map(([name]) => [...at, name]);
}

function saysSomething(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === "" || value === false) return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

/**
 * JSON values: reading them without knowing their shape, changing them at a path, comparing them.
 *
 * @module
 */
import type { Json, JsonObject } from "../../ports.ts";

/** Where something is in a message: names of members and places in lists. */
export type Path = readonly (string | number)[];

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text; undefined for anything else. */
export function textAt(object: JsonObject, name: string): string | undefined {
  const value = member(object, name);
  return typeof value === "string" ? value : undefined;
}

/** A text that is not empty; undefined for anything else. */
export function filledAt(object: JsonObject, name: string): string | undefined {
  return textAt(object, name) || undefined;
}

export function objectAt(object: JsonObject, name: string): JsonObject | undefined {
  const value = member(object, name);
  return isObject(value) ? value : undefined;
}

export function listAt(object: JsonObject, name: string): Json[] {
  const value = member(object, name);
  return Array.isArray(value) ? value : [];
}

/** A member that is the object's own: `constructor` is none of every object. */
export function member(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** An object of these members that are not undefined. */
export function compact(members: Record<string, Json | undefined>): JsonObject {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

export function copyOf(value: Json): Json {
  return JSON.parse(JSON.stringify(value));
}

/** Puts a value where there is one. In place: a message may have tens of thousands of parts. */
export function replaceAt(root: Json, path: Path, leaf: Json): void {
  const holder = valueAt(root, path.slice(0, -1));
  const name = path.at(-1);
  if (Array.isArray(holder)) {
    if (typeof name === "number" && name < holder.length) holder[name] = leaf;
  } else if (isObject(holder) && typeof name === "string" && Object.hasOwn(holder, name)) {
    holder[name] = leaf;
  }
}

/** As {@link replaceAt}, also where there is none yet. */
export function placeAt(root: Json, path: Path, leaf: Json): void {
  const holder = valueAt(root, path.slice(0, -1));
  const name = path.at(-1);
  if (isObject(holder) && typeof name === "string" && name !== "__proto__") {
    holder[name] = leaf;
  } else {
    replaceAt(root, path, leaf);
  }
}

export function valueAt(value: Json | undefined, path: Path): Json | undefined {
  return path.reduce<Json | undefined>(
    (found, step) =>
      Array.isArray(found)
        ? typeof step === "number" ? found[step] : undefined
        : isObject(found)
        ? member(found, String(step))
        : undefined,
    value,
  );
}

/** Where two values differ; empty when they are the same. -0 is not 0: JSON has both. */
export function differences(a: Json | undefined, b: Json | undefined, path: Path = []): Path[] {
  if (Array.isArray(a) && Array.isArray(b)) {
    const longer = a.length > b.length ? a : b;
    return longer.flatMap((_, index) => differences(a[index], b[index], [...path, index]));
  }
  if (isObject(a) && isObject(b)) {
    const names = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...names].flatMap((name) =>
      differences(member(a, name), member(b, name), [...path, name])
    );
  }
  return Object.is(a, b) ? [] : [path];
}

/** As Go writes JSON: members in the order of their names, and nothing that HTML would take for its own. */
export function goJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(goJson).join(",")}]`;
  if (isObject(value)) {
    const members = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1)
      .map(([name, found]) => `${goJson(name)}:${goJson(found ?? null)}`);
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Undefined where the text is not a JSON object. */
export function parseObject(text: string | undefined): JsonObject | undefined {
  const value = text === undefined ? undefined : parseJson(text);
  return isObject(value) ? value : undefined;
}

/** Undefined where the text is not JSON. */
export function parseJson(text: string): Json | undefined {
  try {
    const value: Json = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
}

/** Tells a text from another one, where nobody makes them equal on purpose (FNV-1a, 32 bits, and the length). */
export function fingerprint(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return `${text.length}-${(hash >>> 0).toString(16)}`;
}

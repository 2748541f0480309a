/**
 * What the Acontext SDK gets for `require("zod")`: the same version in the same build that the functions import, and of it
 * what the SDK uses. Else zod would be in the bundle twice, and the second time whole, with its texts in all languages.
 *
 * @module
 */

import {
  array,
  boolean,
  enum as enum_,
  lazy,
  literal,
  number,
  object,
  record,
  string,
  union,
  unknown,
} from "zod";

const used: Record<PropertyKey, unknown> = {
  array,
  boolean,
  enum: enum_,
  lazy,
  literal,
  number,
  object,
  record,
  string,
  union,
  unknown,
};

export const z: unknown = new Proxy(used, {
  get(target, name) {
    const found = target[name];
    if (found !== undefined) return found;
    throw new Error(
      `Cannot use z.${String(name)}: add it to tools/bundle/replacements/zod.ts`,
    );
  },
});

/** Values that fit a JSON Schema, nearly fit it, or do not fit at all. @module */

import fc from "fast-check";
import { z } from "zod";

const node = z.looseObject({
  $ref: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  const: z.json().optional(),
  enum: z.array(z.json()).optional(),
  get anyOf() {
    return z.array(node).optional();
  },
  get oneOf() {
    return z.array(node).optional();
  },
  get items() {
    return node.optional();
  },
  get properties() {
    return z.record(z.string(), node).optional();
  },
  required: z.array(z.string()).optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  maxLength: z.number().optional(),
});
type SchemaNode = z.output<typeof node>;

export type Components = Record<string, unknown>;

/** Texts that break careless code, in a database, a URL, a header or a log. */
export const ODD_TEXTS = [
  "",
  " ",
  ".",
  "..",
  "../../etc/passwd",
  "\0",
  "a\0b",
  "\ud800",
  "\ufeff",
  "\u202e",
  "💥".repeat(60),
  "x".repeat(201),
  "x".repeat(9000),
  "'; drop table session_mappings; --",
  "${7*7}",
  "%00",
  "%",
  "null",
  "-1",
  "1e400",
  "__proto__",
  "constructor",
  "/a//b/",
  "/a/../",
  "\r\nx-injected: 1",
];

const ODD_NUMBERS = [0, -0, -1, 0.5, 59, 60, 201, 315_360_001, 2 ** 31, 2 ** 53, 1e21, -1e308];

/** Anything that JSON can say. */
const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(...ODD_TEXTS, ...ODD_NUMBERS, null, true, [], {}, [[]], [null]),
  fc.jsonValue({ maxDepth: 3 }),
  fc.integer({ min: 30, max: 200 }).map(nested),
  fc.constantFrom("__proto__", "constructor", "toString", "").map((key) =>
    Object.fromEntries([[key, 1]])
  ),
);

function nested(depth: number): unknown {
  let value: unknown = {};
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

const text = fc.oneof(
  { weight: 3, arbitrary: fc.string({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD_TEXTS) },
);

/** What a schema describes, with something wrong at any place in one of fifteen. */
export function valuesOf(schema: unknown, components: Components): fc.Arbitrary<unknown> {
  const parsed = node.parse(schema);
  return fc.oneof(
    { weight: 14, arbitrary: fitting(parsed, components) },
    { weight: 1, arbitrary: junk },
  );
}

function fitting(schema: SchemaNode, components: Components): fc.Arbitrary<unknown> {
  const inside = (inner: unknown) => valuesOf(inner, components);
  if (schema.$ref !== undefined) {
    return inside(components[schema.$ref.split("/").at(-1) ?? ""] ?? {});
  }
  // A path of files; hardly any text is one.
  if (schema["pattern"] === "^/(.*/)?$") {
    return fc.oneof(fc.constantFrom("/", "/in/", "/in/a b/"), text);
  }
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return fc.oneof(...options.map(inside));
  if (Array.isArray(schema.type)) {
    return fc.oneof(...schema.type.map((type) => fitting({ ...schema, type }, components)));
  }
  switch (schema.type) {
    case "string":
      return schema["format"] === "uuid" ? fc.oneof(fc.uuid(), text) : text;
    case "integer":
    case "number":
      return fc.oneof(
        {
          weight: 4,
          arbitrary: fc.integer({
            min: schema.minimum ?? -10,
            max: Math.min(schema.maximum ?? 1e6, 1e6),
          }),
        },
        { weight: 1, arbitrary: fc.constantFrom(...ODD_NUMBERS) },
      );
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return fc.array(inside(schema.items ?? {}), { maxLength: 4 });
    case "object":
      return objects(schema, components);
    default:
      return junk;
  }
}

function objects(
  { properties = {}, required = [] }: SchemaNode,
  components: Components,
): fc.Arbitrary<unknown> {
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, valuesOf(schema, components)]),
  );
  const record = fc.record(members, { requiredKeys: required });
  const extra = fc.oneof(
    { weight: 19, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.tuple(text, junk) },
  );
  return fc.tuple(record, extra).map(([object, member]) =>
    member === null ? object : { ...object, [member[0]]: member[1] }
  );
}

/**
 * Arbitraries that follow a type: a member or a kind that a newer version of the type has does not compile until it is
 * generated, too.
 *
 * @module
 */
import fc from "fast-check";

type Members<T> = { [K in keyof T]-?: fc.Arbitrary<Exclude<T[K], undefined>> };

/** An object of this type. Members are there as often as not, those in `required` always. */
export function record<T extends object>(
  members: Members<T>,
  required: readonly (keyof T)[],
): fc.Arbitrary<T> {
  const made = fc.record(members, { requiredKeys: [...required], noNullPrototype: true });
  // That it is a T is what the types of the members say.
  return made as unknown as fc.Arbitrary<T>;
}

/** One of the kinds that a union of this type has, told apart by `type`. */
export function kinds<T extends { type: string }>(
  all: { [K in T["type"]]: fc.Arbitrary<Extract<T, { type: K }>> },
): fc.Arbitrary<T> {
  return fc.oneof(...Object.values<fc.Arbitrary<T>>(all));
}

/** A text that JSON in UTF-8 and Postgres can hold, and that is not empty. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ minLength: 1, maxLength: 12 }),
  fc.string({ unit: "binary", minLength: 1, maxLength: 8 }),
  fc.constantFrom(
    "Done",
    "{}",
    "[]",
    "null",
    '{"output":"x"}',
    "<&>\u2028",
    "__proto__",
    " ",
    "é😀",
  ),
).map(storableText);

export const anyText: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: text, weight: 9 },
  { arbitrary: fc.constant(""), weight: 1 },
);

export const id: fc.Arbitrary<string> = fc.stringMatching(/^[a-z]{1,6}_[0-9a-z]{1,4}$/);
export const base64: fc.Arbitrary<string> = fc.uint8Array({ minLength: 1, maxLength: 9 })
  .map((bytes) => btoa(String.fromCharCode(...bytes)));
export const count: fc.Arbitrary<number> = fc.nat({ max: 1000 });
export const url: fc.Arbitrary<string> = fc.constantFrom(
  "https://files.test/a.pdf",
  "https://files.test/%F0%9F?x=1&y=<2>",
);
export const flag: fc.Arbitrary<boolean> = fc.boolean();

/** Whatever JSON can say and a double can hold; -0 is said by JavaScript's numbers only. */
export const json: fc.Arbitrary<unknown> = clean(fc.jsonValue({ maxDepth: 3 }));

/** With a member that is not like others. */
export const jsonObject: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  clean(fc.dictionary(text, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 })),
  fc.constantFrom('{"__proto__":{"a":1}}', '{"constructor":1e21,"a":[-1.5e-9,null,{}]}', "{}").map(
    (found): Record<string, unknown> => JSON.parse(found),
  ),
);

function clean<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return arbitrary.map((value) => JSON.parse(JSON.stringify(storable(value))));
}

/** Without what Postgres cannot hold. */
function storable(value: unknown): unknown {
  if (typeof value === "string") return storableText(value);
  if (Array.isArray(value)) return value.map(storable);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, found]) => [storableText(name), storable(found)]),
  );
}

function storableText(found: string): string {
  return found.replaceAll("\0", "\uFFFD").toWellFormed();
}

export function orNull<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.option(arbitrary, { freq: 4 });
}

export function list<T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(item, { maxLength: 3 });
}

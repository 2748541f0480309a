/** Messages in Acontext's own format, as its API describes them, with members that it does not know. @module */

import fc from "fast-check";
import { anyText, id, json, jsonObject, orNull, text, url } from "./arbitrary.ts";

const meta = orNull(jsonObject);
const others = fc.record({ own_member: json }, { requiredKeys: [], noNullPrototype: true });

function part(members: Record<string, fc.Arbitrary<unknown>>, optional: string[] = []) {
  const requiredKeys = Object.keys(members).filter((name) => !optional.includes(name));
  return fc.tuple(fc.record(members, { requiredKeys, noNullPrototype: true }), others)
    .map(([known, more]) => ({ ...known, ...more }));
}

/** Every object has these members, and others. */
function metaWith(members: Record<string, fc.Arbitrary<unknown>>) {
  return fc.tuple(jsonObject, fc.record(members, { noNullPrototype: true }))
    .map(([more, known]) => ({ ...more, ...known }));
}

const parts = fc.oneof(
  part({ type: fc.constantFrom("text", "thinking"), text, meta }, ["meta"]),
  part({ type: fc.constant("redacted_thinking"), meta }, ["meta"]),
  part({
    type: fc.constantFrom("image", "audio", "video", "file"),
    text: orNull(anyText),
    meta: metaWith({ url }),
  }, ["text"]),
  part({
    type: fc.constant("tool-call"),
    meta: metaWith({
      id,
      name: id,
      arguments: fc.oneof(jsonObject, jsonObject.map((found) => JSON.stringify(found))),
    }),
  }),
  part({
    type: fc.constant("tool-result"),
    text: orNull(anyText),
    meta: metaWith({ tool_call_id: id }),
  }, ["text"]),
  part({ type: fc.constant("data"), text: anyText, meta: metaWith({ data_type: id }) }, ["text"]),
);

export const acontextMessage: fc.Arbitrary<object> = fc.tuple(
  fc.record({
    role: fc.constantFrom("user", "assistant"),
    parts: fc.array(parts, { minLength: 1, maxLength: 4 }),
    meta,
  }, { requiredKeys: ["role", "parts"], noNullPrototype: true }),
  others,
).map(([message, more]) => ({ ...message, ...more }));

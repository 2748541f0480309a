/** Requests to every route, from what openapi.json says about it. @module */

import fc from "fast-check";
import { z } from "zod";
import { type Operation, OPERATIONS } from "../../tools/openapi/operations.ts";
import { componentSchemas, schemaOf } from "../../tools/openapi/schemas.ts";
import { ODD_TEXTS, valuesOf } from "./values.ts";

/**
 * A request as it can be written down. `{own}`, `{spare}` (own, too), `{foreign}` and `{deleted}` in the path stand for
 * sessions; `caller` for who asks.
 */
export interface FuzzRequest {
  method: string;
  path: string;
  caller: "user" | "nobody" | "garbage" | "secret";
  headers: Record<string, string>;
  body: string | null;
}

const components = componentSchemas();
const METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH"];

const idSegment = fc.oneof(
  { weight: 12, arbitrary: fc.constant("{own}") },
  { weight: 2, arbitrary: fc.constantFrom("{foreign}", "{deleted}") },
  { weight: 1, arbitrary: fc.uuid() },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...ODD_TEXTS, "00000000-0000-0000-0000-000000000000")
      .map((text) => encodeURIComponent(text.toWellFormed())),
  },
  { weight: 1, arbitrary: fc.constantFrom("%", "%zz", "%ff", "a b", "{", "~", "%2e%2e", "%2f") },
);

const headerText = fc.constantFrom("", "k", "k 1", "x".repeat(255), "x".repeat(256), "é", "a\tb");

/** `name=value` pairs, also unknown, twice and badly encoded. */
function queryOf({ query }: Operation): fc.Arbitrary<string> {
  const { properties = {} } = query === undefined
    ? {}
    : z.toJSONSchema(query, { io: "input", unrepresentable: "any" });
  const names = Object.keys(properties);
  const anyName = fc.oneof(
    { weight: 15, arbitrary: fc.constantFrom(...names, ...(names.length === 0 ? ["x"] : [])) },
    { weight: 1, arbitrary: fc.constant("unknown") },
  );
  const pairs = anyName.chain((name) => {
    const strategies = { type: "array", items: components["EditStrategy"] };
    const schema = name === "editStrategies" ? strategies : properties[name] ?? {};
    return valuesOf(schema, components).map((value) => {
      const text = typeof value === "string" ? value : JSON.stringify(value) ?? "";
      return `${name}=${encodeURIComponent(text.toWellFormed().slice(0, 2000))}`;
    });
  });
  return fc.oneof(
    {
      weight: 9,
      arbitrary: fc.uniqueArray(pairs, { maxLength: 3, selector: nameOf }).map((list) =>
        list.join("&")
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom("%", "a=%zz", "=", "&&", "path=%ff", "limit=1&limit=2"),
    },
  );
}

function nameOf(pair: string): string {
  return pair.split("=")[0] ?? "";
}

function formOf(fields: Record<string, unknown>, boundary: string): string {
  const parts = Object.entries(fields).map(([name, value]) => {
    const file = name === "file" || name.startsWith("f") && value === "file";
    const filename = file ? '; filename="a.txt"\r\ncontent-type: text/plain' : "";
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${filename}\r\n\r\n${text}\r\n`;
  });
  return `${parts.join("")}--${boundary}--\r\n`;
}

interface Body {
  type: string;
  body: string | null;
}

function bodiesOf({ body, form }: Operation): fc.Arbitrary<Body> {
  const type = "application/json";
  const options: fc.WeightedArbitrary<Body>[] = [
    { weight: 1, arbitrary: fc.constant({ type, body: null }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom("{", "nul", '{"a":1', "[]", '"x"', "1", "\ufeff{}", "{}{}", "é")
        .map((text) => ({ type, body: text })),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        "text/plain",
        "",
        "application/json;charset=utf-16",
        "multipart/form-data",
      )
        .map((type) => ({ type, body: "{}" })),
    },
  ];
  if (body !== undefined) {
    const arbitrary = valuesOf(schemaOf(body), components)
      .map((value): Body => ({ type, body: JSON.stringify(value) ?? "null" }));
    options.push({ weight: 12, arbitrary });
  }
  if (form !== undefined) {
    const schema = "payload" in form
      ? { type: "object", properties: { payload: schemaOf(form.payload), f1: { const: "file" } } }
      : {
        type: "object",
        properties: {
          path: { type: "string" },
          filename: { type: "string" },
          file: { type: "string" },
        },
        required: ["file"],
      };
    const whole = valuesOf(schema, components).map((fields) => Object(fields));
    const damage = fc.constantFrom<(text: string) => string>(
      ...[(text: string) => text, (text: string) => text, (text: string) => text.slice(0, -9)],
      (text) => text.replace("form-data", "attachment"),
      (text) => text.replaceAll("\r\n", "\n"),
    );
    const arbitrary = fc.tuple(whole, damage).map(([fields, damaged]): Body => ({
      type: 'multipart/form-data; boundary="b b"',
      body: damaged(formOf(fields, "b b")),
    }));
    options.push({ weight: 6, arbitrary });
  }
  return fc.oneof(...options);
}

function requestsOf(operation: Operation): fc.Arbitrary<FuzzRequest> {
  const takesBody = operation.body !== undefined || operation.form !== undefined;
  const rightCaller = operation.auth === "user" ? "user" : "secret";
  return fc.record({
    method: fc.oneof(
      { weight: 15, arbitrary: fc.constant(operation.method) },
      { weight: 1, arbitrary: fc.constantFrom(...METHODS) },
    ),
    id: idSegment,
    query: queryOf(operation),
    caller: fc.oneof(
      { weight: 15, arbitrary: fc.constant<FuzzRequest["caller"]>(rightCaller) },
      {
        weight: 1,
        arbitrary: fc.constantFrom<FuzzRequest["caller"]>("nobody", "garbage", "secret", "user"),
      },
    ),
    key: fc.option(headerText, { freq: 3 }),
    sent: takesBody ? bodiesOf(operation) : fc.constant<Body>({ type: "", body: null }),
  }).map(({ method, id, query, caller, key, sent }) => {
    const headers: Record<string, string> = {};
    if (sent.type !== "") headers["content-type"] = sent.type;
    if (key !== null) headers["idempotency-key"] = key;
    // Other requests go on using the own session.
    const session = operation.path.startsWith("/delete") ? id.replace("{own}", "{spare}") : id;
    const path = operation.path.replace("{id}", session);
    const body = method === "GET" ? null : sent.body;
    return { method, path: query === "" ? path : `${path}?${query}`, caller, headers, body };
  });
}

export const requests: fc.Arbitrary<FuzzRequest> = fc.oneof(...OPERATIONS.map(requestsOf));

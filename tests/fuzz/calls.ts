/** Calls of the functions by users. @module */

import fc from "fast-check";
import type { Act, Role } from "./acts.ts";
import { EXTREMES } from "./extremes.ts";
import { type FuzzRequest, requests } from "./requests.ts";

export const json = { "content-type": "application/json" };

export function act(role: Role, method: string, path: string) {
  return (body: string | null): Act => ({
    role,
    method,
    path: `/functions/v1${path}`,
    headers: body === null ? {} : json,
    body,
  });
}

const ids = fc.constantFrom("{own}", "{own}", "{own}", "{own2}", "{foreign}", "{gone}", "{new}");

const TTL_SECONDS = [
  "60",
  "3600",
  "315360000",
  "59",
  "315360001",
  "-1",
  "1e9",
  "60.5",
  "null",
  '"60"',
  "1e400",
];

function creation(role: Role): fc.Arbitrary<Act> {
  const fields = fc.record({
    id: fc.option(ids),
    title: fc.option(fc.constantFrom(...EXTREMES.title), { freq: 2 }),
    metadata: fc.option(fc.constantFrom(...EXTREMES.metadata)),
    ttl: fc.option(fc.constantFrom(...TTL_SECONDS)),
    pinned: fc.option(fc.constantFrom("true", "false", "null", '"true"'), { freq: 2 }),
  });
  return fields.map(({ id, title, metadata, ttl, pinned }) => {
    const members = { id: id === null ? null : `"${id}"`, title, metadata, ttl, pinned };
    const named = Object.entries(members).filter(([, value]) => value !== null);
    return act(role, "POST", "/create-session")(
      `{${named.map(([name, value]) => `"${name}":${value}`).join(",")}}`,
    );
  });
}

function message(role: Role): fc.Arbitrary<Act> {
  const body = fc.constantFrom(
    '{"message":{"role":"user","content":"x"}}',
    '{"message":{"role":"assistant","content":"a\\u0000b"}}',
    '{"message":{"role":"user","content":"\\ud800"}}',
    ...["1e400", "1e131071", '{"__proto__":1}', "null"].map((value) =>
      `{"message":{"role":"user","content":"x"},"meta":{"a":${value}}}`
    ),
  );
  return fc.tuple(ids, body).map(([id, body]) =>
    act(role, "POST", `/session-messages/${id}`)(body)
  );
}

function upload(role: Role): fc.Arbitrary<Act> {
  return fc.tuple(ids, fc.constantFrom("a.txt", "b", "é.bin")).map(([id, name]): Act => ({
    role,
    method: "POST",
    path: `/functions/v1/session-files/${id}`,
    headers: { "content-type": "multipart/form-data; boundary=b" },
    body:
      `--b\r\ncontent-disposition: form-data; name="file"; filename="${name}"\r\n\r\nx\r\n--b--\r\n`,
  }));
}

/** Any request that the other part of the fuzz sends, under the names of this one. */
function asAUser(role: Role, { method, path, headers, body }: FuzzRequest): Act {
  const renamed = path.replace("{spare}", "{own2}").replace("{deleted}", "{gone}");
  return { role, method, path: `/functions/v1${renamed}`, headers, body };
}

/** Of a user, or somebody who would like to be one. */
export function userCalls(role: Role): fc.Arbitrary<Act> {
  const about = (method: string, path: (id: string) => string) =>
    ids.map((id) => act(role, method, path(id))(null));
  const sweep = fc.constantFrom(
    "{}",
    '{"force":true}',
    '{"task":"reconcile","force":true}',
    '{"limit":1}',
  );
  return fc.oneof(
    { weight: 4, arbitrary: creation(role) },
    { weight: 3, arbitrary: message(role) },
    { weight: 2, arbitrary: upload(role) },
    { weight: 2, arbitrary: about("GET", (id) => `/session-messages/${id}`) },
    { weight: 1, arbitrary: about("GET", (id) => `/session-files/${id}`) },
    { weight: 2, arbitrary: about("DELETE", (id) => `/delete-session/${id}`) },
    { weight: 2, arbitrary: about("POST", (id) => `/delete-session/${id}/restore`) },
    { weight: 1, arbitrary: sweep.map(act(role, "POST", "/cleanup-sessions")) },
    {
      weight: 6,
      arbitrary: requests.filter(({ caller }) => caller === "user").map((one) =>
        asAUser(role, one)
      ),
    },
  );
}

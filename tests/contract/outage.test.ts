import { assertEquals } from "@std/assert/mod.js";
import { type Answer, codesOf } from "./api.ts";
import { type StandInApi, standInTest } from "./harness.ts";

const ID = "0d8f5b1e-6f0e-4d53-9d53-1f6b8f1c2a11";

/** What each route makes of a database that does not answer. */
const MAPPING: [method: string, path: string, status: number, code: number][] = [
  ["GET", "/ping", 200, 0],
  ["GET", "/session", 500, 500],
  ["POST", "/session", 500, 500],
  ["DELETE", `/session/${ID}`, 404, 404],
  ["GET", `/session/${ID}/configs`, 500, 500],
  ["POST", `/session/${ID}/messages`, 400, 500],
  ["GET", `/session/${ID}/messages`, 400, 500],
  ["GET", `/session/${ID}/token_counts`, 404, 404],
  ["GET", `/session/${ID}/observing_status`, 404, 404],
  ["GET", "/disk", 500, 500],
  ["POST", "/disk", 500, 500],
  ["DELETE", `/disk/${ID}`, 404, 404],
  ["POST", `/disk/${ID}/artifact`, 404, 404],
  ["GET", `/disk/${ID}/artifact`, 403, 403],
  ["DELETE", `/disk/${ID}/artifact`, 403, 403],
  ["GET", `/disk/${ID}/artifact/ls`, 403, 403],
  ["GET", "/user/ls", 500, 500],
  ["DELETE", `/user/${ID}`, 500, 500],
];

standInTest("a database outage looks like 404 to deletes and 500 to lists", async (api) => {
  await api.session({ use_uuid: ID });
  api.control.setFaults([{ route: "*", fault: { kind: "outage" } }]);
  for (const [method, path, status, code] of MAPPING) {
    assertEquals(codesOf(await api.call(method, path)), [status, code], `${method} ${path}`);
  }
  api.control.clearFaults();
  assertEquals(api.control.audit().sessions.map(({ id }) => id), [ID]);
});

standInTest(
  "a delete during an outage reads exactly like one of a missing resource",
  async (api) => {
    assertEquals(await duringOutage(api, "/session"), await ofMissing(api, "/session"));
    assertEquals(await duringOutage(api, "/disk"), await ofMissing(api, "/disk"));
  },
);

async function duringOutage(api: StandInApi, path: string): Promise<string> {
  const id = path === "/disk" ? await api.disk() : await api.session();
  api.control.setFaults([{ route: "*", fault: { kind: "outage" } }]);
  const answer = show(await api.call("DELETE", `${path}/${id}`));
  api.control.clearFaults();
  return answer;
}

async function ofMissing(api: StandInApi, path: string): Promise<string> {
  return show(await api.call("DELETE", `${path}/${crypto.randomUUID()}`));
}

function show({ status, text }: Answer): string {
  return `${status} ${text}`;
}

import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import type { FaultRule } from "../../../local/acontext/fault_rules.ts";
import type { AcontextStandIn } from "../../../local/acontext/standin.ts";
import { addSession, request, withStandIn } from "./standin.ts";

const ID = "0d8f5b1e-6f0e-4d53-9d53-1f6b8f1c2a11";
const OTHER = "1d8f5b1e-6f0e-4d53-9d53-1f6b8f1c2a11";
type Fault = FaultRule["fault"];

function faultTest(name: string, fault: Fault, test: (standIn: AcontextStandIn) => Promise<void>) {
  Deno.test(`fault ${name}`, () =>
    withStandIn(async (standIn) => {
      await addSession(standIn, ID);
      standIn.control.setFaults([{ route: "DELETE /session/:id", fault }]);
      await test(standIn);
    }));
}

function remove(standIn: AcontextStandIn, id = ID): Promise<Response> {
  return standIn.fetch(request("DELETE", `/session/${id}`));
}

function count(standIn: AcontextStandIn): number {
  return standIn.control.audit().sessions.length;
}

faultTest("status answers it without any effect", {
  kind: "status",
  status: 503,
  body: { code: 503, msg: "busy" },
}, async (standIn) => {
  const response = await remove(standIn);
  assertEquals([response.status, await response.json()], [503, { code: 503, msg: "busy" }]);
  assertEquals(count(standIn), 1);
});

faultTest("delay answers late, with the effect", { kind: "delay", ms: 50 }, async (standIn) => {
  const started = performance.now();
  assertEquals((await remove(standIn)).status, 200);
  assert(performance.now() - started >= 49);
  assertEquals(count(standIn), 0);
});

faultTest("drop before loses the request", { kind: "drop", when: "before" }, async (standIn) => {
  await assertRejects(() => remove(standIn), TypeError);
  assertEquals(count(standIn), 1);
});

faultTest("drop after loses the answer only", { kind: "drop", when: "after" }, async (standIn) => {
  await assertRejects(() => remove(standIn), TypeError);
  assertEquals(count(standIn), 0);
});

faultTest("outage makes a delete claim 404", { kind: "outage" }, async (standIn) => {
  const response = await remove(standIn);
  assertEquals(await response.json(), { code: 404, msg: "session not found" });
  assertEquals(count(standIn), 1);
});

faultTest("throttle answers 429 with Retry-After", {
  kind: "throttle",
  retryAfterSeconds: 7,
}, async (standIn) => {
  const response = await remove(standIn);
  assertEquals([response.status, response.headers.get("retry-after")], [429, "7"]);
  assertEquals(count(standIn), 1);
});

faultTest("false404 lies about an existing session", { kind: "false404" }, async (standIn) => {
  assertEquals((await remove(standIn)).status, 404);
  assertEquals(count(standIn), 1);
});

faultTest("late drops the connection and has its effect later", {
  kind: "late",
  ms: 80,
}, async (standIn) => {
  await assertRejects(() => remove(standIn), TypeError);
  await new Promise((resolve) => setTimeout(resolve, 40));
  assertEquals(count(standIn), 1);
  await new Promise((resolve) => setTimeout(resolve, 80));
  assertEquals(count(standIn), 0);
});

faultTest("stall sends headers and a body that never ends", { kind: "stall" }, async (standIn) => {
  const response = await remove(standIn);
  assertEquals(response.status, 200);
  assertEquals(count(standIn), 0);
  const ended = response.text().then(() => "ended");
  const waited = new Promise((resolve) => setTimeout(resolve, 30, "waiting"));
  assertEquals(await Promise.race([ended, waited]), "waiting");
});

Deno.test("rules are tried in order and the first that fires wins", () =>
  withStandIn(async (standIn) => {
    standIn.control.setFaults([
      { route: "DELETE /disk/:id", fault: { kind: "status", status: 501 } },
      { route: "DELETE /session/:id", times: 1, fault: { kind: "status", status: 502 } },
      { route: "*", times: 1, fault: { kind: "status", status: 503 } },
    ]);
    const statuses = [];
    for (let n = 0; n < 3; n += 1) statuses.push((await remove(standIn)).status);
    assertEquals(statuses, [502, 503, 404]);
    assertEquals(standIn.control.faults().map(({ fired }) => fired), [0, 1, 1]);
  }));

Deno.test("match restricts a rule to requests whose path and query contain it", () =>
  withStandIn(async (standIn) => {
    await addSession(standIn, ID);
    await addSession(standIn, OTHER);
    standIn.control.setFaults([
      { route: "*", match: OTHER, fault: { kind: "status", status: 503 } },
      { route: "GET /disk", match: "user=a", fault: { kind: "status", status: 500 } },
    ]);
    assertEquals((await remove(standIn, OTHER)).status, 503);
    assertEquals((await remove(standIn)).status, 200);
    assertEquals((await standIn.fetch(request("GET", "/disk?user=a"))).status, 500);
    assertEquals((await standIn.fetch(request("GET", "/disk?user=b"))).status, 200);
  }));

Deno.test("probability is drawn from a seeded generator: the same plan plays the same way", async () => {
  const plays: string[] = [];
  for (let play = 0; play < 2; play += 1) {
    await withStandIn(async (standIn) => {
      const fault: Fault = { kind: "status", status: 503 };
      standIn.control.setFaults([{ route: "GET /ping", probability: 0.3, fault }]);
      let log = "";
      for (let n = 0; n < 200; n += 1) {
        log += (await standIn.fetch(request("GET", "/ping"))).ok ? "." : "x";
      }
      plays.push(log);
    });
  }
  assertEquals(plays[0], plays[1]);
  const hits = plays[0]?.replaceAll(".", "").length ?? 0;
  assert(hits > 40 && hits < 80, `${hits} of 200 at probability 0.3`);
});

Deno.test("probability uses the random source of the options", () =>
  withStandIn(async (standIn) => {
    const fault: Fault = { kind: "status", status: 503 };
    standIn.control.setFaults([{ route: "*", probability: 0.5, fault }]);
    const statuses = [];
    for (let n = 0; n < 2; n += 1) {
      statuses.push((await standIn.fetch(request("GET", "/ping"))).status);
    }
    assertEquals(statuses, [503, 200]);
  }, { random: alternately(0.4, 0.6) }));

function alternately(...values: number[]): () => number {
  let index = -1;
  return () => values[(index += 1) % values.length] ?? 0;
}

Deno.test("a delete whose caller goes away is broken off, as the server does it", () =>
  withStandIn(async (standIn) => {
    await addSession(standIn, ID);
    standIn.control.setFaults([{ route: "*", times: 1, fault: { kind: "delay", ms: 40 } }]);
    const signal = AbortSignal.timeout(10);
    const aborted = new Request(request("DELETE", `/session/${ID}`), { signal });
    const error = await assertRejects(() => standIn.fetch(aborted), DOMException);
    assertEquals(error.name, "TimeoutError");
    await new Promise((resolve) => setTimeout(resolve, 80));
    assertEquals(count(standIn), 1);
  }));

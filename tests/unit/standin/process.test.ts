import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { createControlClient } from "../../../local/acontext/control.ts";
import { eventually } from "../../support/eventually.ts";
import { KEY } from "./standin.ts";

const MAIN = new URL("../../../local/acontext/main.ts", import.meta.url).pathname;
const HEADERS = { authorization: `Bearer ${KEY}` };

interface Running {
  origin: string;
  child: Deno.ChildProcess;
}

async function start(state: string, port = "0"): Promise<Running> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", MAIN, "--port", port, "--state", state, "--key", KEY],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let line = "";
  while (!line.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`Cannot start the stand-in: "${line}"`);
    line += value;
  }
  await reader.cancel();
  return { child, origin: /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] ?? "" };
}

async function kill(child: Deno.ChildProcess): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch { /* has ended already */ }
  await child.status;
}

async function withProcess(test: (running: Running, state: string) => Promise<void>) {
  const directory = await Deno.makeTempDir();
  const state = join(directory, "acontext.db");
  const running = await start(state);
  try {
    await test(running, state);
  } finally {
    await kill(running.child);
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("the process serves the API and the control interface, and stops at a signal", async () => {
  const directory = await Deno.makeTempDir();
  try {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const { child, origin } = await start(join(directory, "acontext.db"));
      const ping = await fetch(`${origin}/api/v1/ping`, { headers: HEADERS });
      assertEquals(await ping.json(), { code: 0, msg: "pong" });
      child.kill(signal);
      const { code } = await child.status;
      assertEquals(code, 0, signal);
      await assertRejects(() => fetch(`${origin}/api/v1/ping`));
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the process keeps its state when it is killed", () =>
  withProcess(async ({ child, origin }, state) => {
    await (await fetch(`${origin}/api/v1/session`, { method: "POST", headers: HEADERS })).text();
    await kill(child);
    const again = await start(state);
    try {
      const { sessions } = await createControlClient(`${again.origin}/_control`).audit();
      assertEquals(sessions.length, 1);
    } finally {
      await kill(again.child);
    }
  }));

Deno.test("the control client sees and does the same as in the process", () =>
  withProcess(async ({ origin }) => {
    const control = createControlClient(`${origin}/_control`);
    await control.setFaults([{ route: "GET /ping", times: 1, fault: { kind: "outage" } }]);
    assertEquals((await control.faults()).map(({ fired }) => fired), [0]);
    await control.clearFaults();
    assertEquals(await control.faults(), []);
    await control.setVersion("oldest");
    const { diskId } = await control.createSkill({ user: "u" });
    const { disks, users } = await control.audit();
    assertEquals(disks, [{ id: diskId, label: "u", skill: true, artifacts: 0 }]);
    assertEquals(users, ["u"]);
    assertEquals(await control.createProject("k2"), await control.createProject("k2"));
    await control.reset();
    assertEquals((await control.audit()).disks, []);
    const bad = { method: "PUT", body: '[{"route":"*","fault":{"kind":"unknown"}}]' };
    const refused = await fetch(`${origin}/_control/faults`, bad);
    await refused.body?.cancel();
    assertEquals(refused.status, 400);
  }));

Deno.test("on a socket a drop is a connection without an answer, a stall a body without an end", () =>
  withProcess(async ({ origin }) => {
    const control = createControlClient(`${origin}/_control`);
    const url = `${origin}/api/v1/ping`;
    // Leaves warm connections, on which Deno's fetch would send a dropped request again.
    const warming = [1, 2, 3].map(() => fetch(url, { headers: HEADERS }));
    for (const response of await Promise.all(warming)) await response.text();
    await control.setFaults([
      { route: "GET /ping", times: 1, fault: { kind: "drop", when: "before" } },
      { route: "GET /ping", times: 1, fault: { kind: "drop", when: "after" } },
      { route: "GET /ping", times: 1, fault: { kind: "late", ms: 1 } },
      { route: "GET /ping", times: 1, fault: { kind: "stall" } },
    ]);
    for (let n = 0; n < 3; n += 1) {
      await assertRejects(() => fetch(url, { headers: HEADERS }), TypeError);
    }
    const stalled = await fetch(url, { headers: HEADERS, signal: AbortSignal.timeout(300) });
    assertEquals(stalled.status, 200);
    await assertRejects(() => stalled.text(), DOMException);
    const last = await fetch(url, { headers: HEADERS });
    await last.body?.cancel();
    assertEquals(last.status, 200);
    assertEquals((await control.audit()).calls["GET /ping"], 8);
  }));

Deno.test("a late request has its effect although its caller has gone away", () =>
  withProcess(async ({ origin }) => {
    const control = createControlClient(`${origin}/_control`);
    for (const kind of ["session", "disk"]) {
      const made = await fetch(`${origin}/api/v1/${kind}`, { method: "POST", headers: HEADERS });
      const { data: { id } } = await made.json();
      const route = `DELETE /${kind}/:id`;
      await control.setFaults([{ route, times: 1, fault: { kind: "late", ms: 20 } }]);
      const url = `${origin}/api/v1/${kind}/${id}`;
      await assertRejects(() => fetch(url, { method: "DELETE", headers: HEADERS }), TypeError);
      await eventually(`the ${kind} is gone`, async () => {
        const { sessions, disks } = await control.audit();
        return [...sessions, ...disks].length === 0;
      });
    }
  }));

Deno.test("a taken port is a clear message and exit code 1", () =>
  withProcess(async ({ origin }, state) => {
    const port = new URL(origin).port;
    const second = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", MAIN, "--port", port, "--state", `${state}2`, "--key", KEY],
    }).output();
    assertEquals(second.code, 1);
    assert(new TextDecoder().decode(second.stderr).includes("in use"));
  }));

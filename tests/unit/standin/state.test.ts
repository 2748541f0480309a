import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { createAcontextStandIn } from "../../../local/acontext/standin.ts";
import { addSession, KEY, request, withStandIn } from "./standin.ts";

const ID = "0d8f5b1e-6f0e-4d53-9d53-1f6b8f1c2a11";
const MARK = { acontext_sessions: { namespace: "n", session_id: ID } };

Deno.test("state in a file survives a restart: sessions, messages, files, users, project", async () => {
  const directory = await Deno.makeTempDir();
  const options = { stateFile: join(directory, "acontext.db"), apiKey: KEY };
  try {
    const first = createAcontextStandIn(options);
    const json = { use_uuid: ID, configs: MARK };
    const created = await (await first.fetch(request("POST", "/session", { json }))).json();
    await first.fetch(request("POST", `/session/${ID}/messages`, {
      json: { blob: { role: "user", content: "hi" } },
    }));
    await first.fetch(request("POST", "/disk", { json: { user: `n:${ID}` } }));
    const { calls: _, ...before } = first.control.audit();
    first.close();

    const second = createAcontextStandIn(options);
    const { calls: __, ...after } = second.control.audit();
    assertEquals(after, before);
    assertEquals(after.sessions, [{ id: ID, namespace: "n", sessionId: ID, messages: 1 }]);
    const again = await (await second.fetch(request("POST", "/session", { json }))).json();
    assertEquals(again, created);
    second.close();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the audit names marks, labels, skills, users, and counts calls per route", () =>
  withStandIn(async (standIn) => {
    await standIn.fetch(request("POST", "/session", { json: { use_uuid: ID, configs: MARK } }));
    await standIn.fetch(request("POST", "/session", { json: { user: "someone" } }));
    await standIn.fetch(request("POST", "/disk", { json: { user: `n:${ID}` } }));
    standIn.control.createSkill();
    await standIn.fetch(request("DELETE", "/session/x"));
    const audit = standIn.control.audit();
    assertEquals(audit.sessions.map(({ namespace, sessionId }) => [namespace, sessionId]), [
      ["n", ID],
      [null, null],
    ]);
    assertEquals(audit.disks.map(({ label, skill, artifacts }) => [label, skill, artifacts]), [
      [`n:${ID}`, false, 0],
      [null, true, 0],
    ]);
    assertEquals(audit.users, ["someone", `n:${ID}`]);
    assertEquals(audit.calls, { "POST /session": 2, "POST /disk": 1, "DELETE /session/:id": 1 });
  }));

Deno.test("reset forgets resources, counts and faults, but not the project", () =>
  withStandIn(async (standIn) => {
    await addSession(standIn, ID);
    await standIn.fetch(request("POST", "/disk", { json: { user: "u" } }));
    standIn.control.setFaults([{ route: "*", fault: { kind: "outage" } }]);
    standIn.control.reset();
    assertEquals(standIn.control.audit(), {
      sessions: [],
      disks: [],
      users: [],
      objects: 0,
      overlappingDeletes: 0,
      calls: {},
    });
    assertEquals((await standIn.fetch(request("GET", "/disk"))).status, 200);
  }));

Deno.test("overlapping deletes are counted per id, not per server", () =>
  withStandIn(async (standIn) => {
    const ids = Array.from({ length: 4 }, () => crypto.randomUUID());
    for (const id of ids) await addSession(standIn, id);
    const remove = (id: string) => standIn.fetch(request("DELETE", `/session/${id}`));
    const [one = "", two = "", three = "", four = ""] = ids;
    await Promise.all([remove(one), remove(two)]);
    await remove(three);
    await remove(three);
    assertEquals(standIn.control.audit().overlappingDeletes, 0);
    await Promise.all([remove(four), remove(four), remove(four)]);
    assertEquals(standIn.control.audit().overlappingDeletes, 2);
  }));

Deno.test("a delete whose client gave up still overlaps with the next one", () =>
  withStandIn(async (standIn) => {
    await addSession(standIn, ID);
    const controller = new AbortController();
    const { signal } = controller;
    const first = standIn.fetch(new Request(request("DELETE", `/session/${ID}`), { signal }));
    controller.abort();
    await assertRejects(() => first);
    await standIn.fetch(request("DELETE", `/session/${ID}`));
    assertEquals(standIn.control.audit().overlappingDeletes, 1);
  }));

Deno.test("time, ids and waiting come from the options only", () => {
  let ids = 0;
  const slept: number[] = [];
  return withStandIn(async (standIn) => {
    const created = await (await standIn.fetch(request("POST", "/session", { json: {} }))).text();
    assert(created.includes('"id":"00000000-0000-4000-8000-000000000002"'), created);
    assert(created.includes('"created_at":"2026-01-02T03:04:05.25Z"'), created);
    const deletion = request("DELETE", "/session/00000000-0000-4000-8000-000000000002");
    assertEquals((await standIn.fetch(deletion)).status, 200);
    assertEquals(slept, [0]);
    standIn.control.setFaults([{ route: "*", fault: { kind: "delay", ms: 86_400_000 } }]);
    assertEquals((await standIn.fetch(request("GET", "/ping"))).status, 200);
    assertEquals(slept, [0, 86_400_000]);
  }, {
    now: () => Date.parse("2026-01-02T03:04:05.250Z"),
    uuid: () => `00000000-0000-4000-8000-${String(ids += 1).padStart(12, "0")}`,
    sleep: (ms) => {
      slept.push(ms);
      return Promise.resolve();
    },
  });
});

Deno.test("a message stored while its session is deleted is stored or refused, never a broken connection", () =>
  withStandIn(async (standIn) => {
    const statuses = new Set<number>();
    for (let n = 0; n < 30; n += 1) {
      const id = crypto.randomUUID();
      await addSession(standIn, id);
      const deletion = standIn.fetch(request("DELETE", `/session/${id}`));
      for (let turn = 0; turn < n % 3; turn += 1) await new Promise((go) => setTimeout(go));
      const stored = await standIn.fetch(messageWithFile(id));
      statuses.add(stored.status);
      await deletion;
    }
    assertEquals([...statuses].filter((status) => status !== 201), [400]);
    assertEquals(standIn.control.audit().sessions, []);
  }));

function messageWithFile(sessionId: string): Request {
  const blob = { role: "user", parts: [{ type: "file", file_field: "doc" }] };
  const form = new FormData();
  form.set("payload", JSON.stringify({ format: "acontext", blob }));
  form.set("doc", new File(["x"], "a.txt"));
  return new Request(`http://acontext.test/api/v1/session/${sessionId}/messages`, {
    method: "POST",
    headers: { authorization: `Bearer ${KEY}` },
    body: form,
  });
}

Deno.test("an upload whose disk is deleted meanwhile fails and leaves what it stored behind", async () => {
  const paused: (() => void)[] = [];
  let pausing = false;
  await withStandIn(async (standIn) => {
    const { diskId } = standIn.control.createSkill();
    const upload = () => {
      const form = new FormData();
      form.set("file", new File([crypto.randomUUID()], "a.txt"));
      const url = `http://acontext.test/api/v1/disk/${diskId}/artifact`;
      const headers = { authorization: `Bearer ${KEY}` };
      return standIn.fetch(new Request(url, { method: "POST", headers, body: form }));
    };
    assertEquals((await upload()).status, 201);
    pausing = true;
    const second = upload(); // pauses once it has deleted the row of the first file
    while (paused.length === 0) await new Promise((go) => setTimeout(go));
    pausing = false;
    const deletion = standIn.fetch(request("DELETE", `/disk/${diskId}`));
    assertEquals((await deletion).status, 200);
    for (const go of paused) go();
    assertEquals((await second).status, 500);
    // The server stores before it knows: nobody uses it.
    const { objects, leaks } = standIn.control.content();
    assertEquals([objects.length, leaks], [1, objects]);
  }, {
    sleep: () => pausing ? new Promise((resolve) => paused.push(resolve)) : Promise.resolve(),
  });
});

Deno.test("a closed stand-in drops every connection", async () => {
  const standIn = createAcontextStandIn({ stateFile: ":memory:", apiKey: KEY });
  standIn.close();
  await assertRejects(() => standIn.fetch(request("GET", "/ping")), TypeError);
});

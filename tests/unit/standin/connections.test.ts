import { assertEquals, assertRejects } from "@std/assert/mod.js";
import type { AcontextStandIn } from "../../../local/acontext/standin.ts";
import { addSession, request, withStandIn } from "./standin.ts";

const IDS = ["0", "1", "2"].map((digit) => `${digit}d8f5b1e-6f0e-4d53-9d53-1f6b8f1c2a11`);

interface Step {
  end(): void;
}

/** A stand-in with two connections, whose every step of a delete ends when the test says so. */
async function withTwo(
  test: (standIn: AcontextStandIn, steps: Step[]) => Promise<void>,
): Promise<void> {
  const steps: Step[] = [];
  const sleep = () => new Promise<void>((end) => void steps.push({ end }));
  await withStandIn(async (standIn) => {
    for (const id of IDS) {
      await addSession(standIn, id);
      await standIn.fetch(request("POST", `/session/${id}/messages`, {
        json: { blob: { role: "user", content: id } },
      }));
    }
    await test(standIn, steps);
  }, { connections: 2, sleep });
}

function remove(standIn: AcontextStandIn, id: string | undefined, signal?: AbortSignal) {
  const url = request("DELETE", `/session/${id}`);
  return standIn.fetch(new Request(url, { signal: signal ?? null }));
}

/** Lets everything go on that waits for nothing but itself. */
async function turn(steps: Step[]): Promise<void> {
  for (let quiet = 0; quiet < 20; quiet++) {
    for (const { end } of steps.splice(0)) {
      end();
      quiet = 0;
    }
    await Promise.resolve();
  }
}

Deno.test("a delete holds a connection and wants another to count down: one fewer than there are go through", () =>
  withTwo(async (standIn, steps) => {
    const deleting = remove(standIn, IDS[0]);
    await turn(steps);
    assertEquals((await deleting).status, 200);
  }));

Deno.test("with as many deletes as connections nobody gets on, until a caller goes away", () =>
  withTwo(async (standIn, steps) => {
    const gone = new AbortController();
    const ended: string[] = [];
    const note = (name: string, work: Promise<Response>) => work.then(() => void ended.push(name));
    const first = note("first", remove(standIn, IDS[0]));
    const given = assertRejects(() => remove(standIn, IDS[1], gone.signal));
    await turn(steps);
    const third = note("third", remove(standIn, IDS[2]));
    const listed = note("listed", standIn.fetch(request("GET", "/session")));
    await turn(steps);
    assertEquals(ended, []);

    gone.abort();
    await given;
    for (let n = 0; n < 50 && ended.length < 3; n++) await turn(steps);
    await Promise.all([first, third, listed]);
    assertEquals(ended.sort(), ["first", "listed", "third"]);
    const { sessions } = standIn.control.audit();
    assertEquals(sessions.map(({ id }) => id), [IDS[1]]);
  }));

Deno.test("more connections let those through that wait", () =>
  withTwo(async (standIn, steps) => {
    const deleting = IDS.slice(0, 2).map((id) => remove(standIn, id));
    await turn(steps);
    standIn.control.setConnections(3);
    await turn(steps);
    assertEquals((await Promise.all(deleting)).map(({ status }) => status), [200, 200]);
  }));

Deno.test("a caller that has gone away waits for no connection", () =>
  withTwo(async (standIn, steps) => {
    const [first, second] = IDS.slice(0, 2).map((id) => remove(standIn, id));
    await turn(steps);
    await assertRejects(() =>
      standIn.fetch(new Request(request("GET", "/session"), { signal: AbortSignal.abort() }))
    );
    standIn.control.setConnections(100);
    await turn(steps);
    assertEquals([(await first)?.status, (await second)?.status], [200, 200]);
    assertEquals((await standIn.fetch(request("GET", "/session"))).status, 200);
  }));

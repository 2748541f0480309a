/** Parts of the stack end at the worst moment. Every test has a stack of its own to break. */

import { assert, assertEquals } from "@std/assert/mod.js";
import type { FaultRule } from "../../local/acontext/fault_rules.ts";
import { eventually } from "../support/eventually.ts";
import type { FunctionName } from "../integration/support/functions.ts";
import { assertNothingLeft, ours } from "../integration/support/remote.ts";
import { expiredSessions } from "../integration/support/sessions.ts";
import { withWorld, type World } from "../integration/support/world.ts";
import { type TestStack, withTestStack } from "../support/test_stack.ts";

function restartTest(
  name: string,
  test: (world: World, stack: TestStack) => Promise<void>,
): void {
  Deno.test({
    name,
    // The workers of the stack run in this process.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () => withTestStack({}, (stack) => withWorld(stack.info, (world) => test(world, stack))),
  });
}

const SLOW: FaultRule[] = ["DELETE /session/:id", "DELETE /disk/:id"].map((route) => ({
  route,
  fault: { kind: "delay", ms: 100 },
}));

/**
 * Ends a function's processes and waits until others have taken their place and, when they were killed, until Acontext has
 * no request left. Those that are asked to end hand their work over, and the next goes on with it at once.
 */
async function kill(
  { stack, world, name, signal }: {
    stack: TestStack;
    world: World;
    name: FunctionName;
    signal: "SIGKILL" | "SIGTERM";
  },
): Promise<void> {
  const before = stack.functionPids(name);
  assert(before.length > 0);
  for (const pid of before) Deno.kill(pid, signal);
  await eventually("it is served again", () => {
    const now = stack.functionPids(name);
    return now.length === before.length && !now.some((pid) => before.includes(pid));
  });
  if (signal === "SIGKILL") await world.remote.quiet();
}

/** Some, not all, are deleted. */
async function midway({ remote }: World, total: number): Promise<void> {
  await eventually("some are deleted", async () => {
    const left = ours(await remote.audit()).disks.length;
    assert(left > 0, "too late: all are deleted");
    return left < total;
  });
}

/** What is left is done when the leases of the dead have ended. */
async function sweepRest(world: World): Promise<void> {
  await world.database.endLeases();
  await world.database.makeDue();
  const report = await eventually("the sweep works again", async () => {
    const { status, body } = await world.cleanup({ force: true });
    return status === 200 && JSON.stringify(body);
  }, 20_000);
  assert(report.includes('"stopReason":"empty"'), report);
  assertNothingLeft(await world.remote.audit());
  assertEquals(await world.database.rowCount(), 0);
}

restartTest("a cleanup that is killed midway is finished by the next", async (world, stack) => {
  await expiredSessions(world, 64);
  await world.remote.withFaults(SLOW, async () => {
    await world.cleanup({ background: true });
    await midway(world, 64);
    await kill({ stack, world, name: "cleanup-sessions", signal: "SIGKILL" });
  });
  const left = (await world.database.queue()).length;
  assert(left > 0, "nothing was left to do");
  await sweepRest(world);
  assertEquals((await world.database.receipts()).length, 64);
});

restartTest(
  "a worker that is asked to end gives back its work to the next",
  async (world, stack) => {
    await expiredSessions(world, 64);
    await world.remote.withFaults(SLOW, async () => {
      await world.database.sql`select acontext_sessions.dispatch_sweep('schedule', true, false)`;
      await midway(world, 64);
      await kill({ stack, world, name: "cleanup-sessions", signal: "SIGTERM" });
      const runs = await eventually("a run of its own accord has finished the rest", async () => {
        const all = await world.database.runs();
        return all.length > 1 && all.every(({ status }) => status === "finished") && all;
      }, 60_000);
      assertEquals(runs.map((run) => [run.trigger, run.stop_reason]), [
        ["schedule", "shutdown"],
        ["chain", "empty"],
      ]);
    });
    assertNothingLeft(await world.remote.audit());
    assertEquals(await world.database.rowCount(), 0);
  },
);

restartTest("a call that comes right after a crash is answered", async (world, stack) => {
  const user = await world.newUser();
  for (const pid of stack.functionPids("create-session")) Deno.kill(pid, "SIGKILL");
  await eventually("the crash was noticed", () => {
    return stack.functionPids("create-session").length === 0;
  });
  assertEquals((await world.create(user)).status, 201);
});

restartTest("a session whose making is killed is healed by a retry", async (world, stack) => {
  const user = await world.newUser();
  const id = crypto.randomUUID();
  const slow: FaultRule = { route: "POST /disk", fault: { kind: "delay", ms: 300 } };
  await world.remote.withFaults([slow], async () => {
    const lost = world.create(user, { id });
    await eventually("both were asked for", async () => {
      const { sessions, calls } = await world.remote.audit();
      return sessions.length === 1 && calls["POST /disk"] === 1;
    });
    await kill({ stack, world, name: "create-session", signal: "SIGKILL" });
    assert((await lost).status >= 500);
  });
  await eventually("the disk came to be", async () => {
    return ours(await world.remote.audit()).disks.length === 1;
  });
  assertEquals(await world.database.statusOf(id), "provisioning");

  const { disks } = ours(await world.remote.audit());
  await world.database.sql`
    update acontext_sessions.provisioning_leases set leased_until = acontext_sessions.clock() where session_id = ${id}`;
  const healed = await world.created(user, { id });
  assertEquals([healed.acontextDiskId], disks);
  assertEquals(ours(await world.remote.audit()), { sessions: [id], disks });
});

restartTest("a session whose making is killed and forgotten is swept", async (world, stack) => {
  const user = await world.newUser();
  const id = crypto.randomUUID();
  const slow: FaultRule = { route: "POST /disk", fault: { kind: "delay", ms: 300 } };
  await world.remote.withFaults([slow], async () => {
    const lost = world.create(user, { id });
    await eventually("a disk was asked for", async () => {
      return (await world.remote.audit()).calls["POST /disk"] === 1;
    });
    await kill({ stack, world, name: "create-session", signal: "SIGKILL" });
    await lost;
  });
  await eventually("the disk came to be", async () => {
    return ours(await world.remote.audit()).disks.length === 1;
  });
  await world.database.abandon([id]);
  assertEquals((await world.swept()).deleted, 1);
  assertNothingLeft(await world.remote.audit());
});

restartTest("a deletion that is killed is finished by the sweep", async (world, stack) => {
  const user = await world.newUser();
  const { id } = await world.created(user);
  await world.remote.withFaults(SLOW, async () => {
    const lost = world.remove(user, id);
    await eventually("it was asked for", async () => {
      return (await world.remote.audit()).calls["DELETE /disk/:id"] === 1;
    });
    await kill({ stack, world, name: "delete-session", signal: "SIGKILL" });
    assert((await lost).status >= 500);
  });
  assertEquals(await world.database.statusOf(id), "deleting");
  assertEquals((await user.client.from("session_mappings").select()).data, []);
  await sweepRest(world);
});

/** The function that stores a message ends at the worst moment. The stack is this test's own to break. */

import { assertEquals } from "@std/assert/mod.js";
import type { FaultRule } from "../../local/acontext/fault_rules.ts";
import { converse, textsOf } from "../integration/support/conversations.ts";
import { eventually } from "../support/eventually.ts";
import { withWorld } from "../integration/support/world.ts";
import { withTestStack } from "../support/test_stack.ts";

const ROUTE = "POST /session/:id/messages";
/** Killed while Acontext has not stored the message yet, and after it has. */
const MOMENTS: [string, FaultRule, number][] = [
  ["before it is stored", { route: ROUTE, times: 1, fault: { kind: "drop", when: "before" } }, 0],
  ["after it is stored", { route: ROUTE, times: 1, fault: { kind: "stall" } }, 1],
  ["and it is stored later", { route: ROUTE, times: 1, fault: { kind: "delay", ms: 700 } }, 0],
];

for (const [moment, rule, stored] of MOMENTS) {
  Deno.test({
    name: `a message whose function is killed ${moment} is stored once`,
    // The workers of the stack run in this process.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () =>
      withTestStack({}, (stack) =>
        withWorld(stack.info, async (world) => {
          const { session, chat } = await converse(world);
          const kept = async () => (await world.remote.audit()).sessions[0]?.messages ?? 0;
          const asked = async () => (await world.remote.audit()).calls[ROUTE] ?? 0;
          // The look that follows a lost answer waits, so that the function is killed in the middle of it.
          const look: FaultRule = {
            route: "GET /session/:id/messages",
            times: 1,
            fault: { kind: "delay", ms: 1500 },
          };
          await world.remote.withFaults([rule, look], async () => {
            const lost = chat.say("once", "k").catch(() => null);
            await eventually("Acontext is asked", async () => await asked() > 0);
            await eventually("it is at that moment", async () => await kept() === stored);
            const [pid] = stack.functionPids("session-messages");
            if (pid === undefined) throw new Error("no function");
            Deno.kill(pid, "SIGKILL");
            await lost;
            await eventually(
              "another has taken its place",
              () => stack.functionPids("session-messages").some((now) => now !== pid),
            );
          });
          if (rule.fault.kind === "delay") {
            await eventually("it has landed", async () => await kept() === 1);
          }
          assertEquals((await chat.say("once", "k")).status, 409);
          await world.database.sql`
            update acontext_sessions.message_keys set leased_until = acontext_sessions.clock()
            where session_id = ${session.id}`;
          assertEquals((await chat.say("once", "k")).status < 300, true);
          assertEquals((await chat.say("once", "k")).status, 200);
          assertEquals(textsOf(await chat.page()), ["once"]);
        })),
  });
}

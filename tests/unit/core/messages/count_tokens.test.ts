import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { AppError } from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { countTokens } from "../../../../supabase/functions/_acontext_sessions/core/messages/count_tokens.ts";
import { withMessageWorld } from "../../fakes/message_world.ts";

Deno.test("countTokens() is no use of the session", async () => {
  await withMessageWorld(async (world) => {
    const touched: boolean[] = [];
    const { useSession } = world.sessions;
    world.sessions.useSession = (key, use) => {
      touched.push(use.touch);
      return useSession.call(world.sessions, key, use);
    };
    assertEquals(await countTokens(world.deps, world.key), { totalTokens: 0 });
    assertEquals(touched, [false]);
  });
});

Deno.test("countTokens() says what it cannot do", async () => {
  await withMessageWorld(async (world) => {
    world.faults({ route: "*", fault: { kind: "outage" } });
    const error = await assertRejects(() => countTokens(world.deps, world.key), AppError);
    assertEquals(error.message, "Cannot count the tokens: Acontext is unavailable or overloaded");
  });
});

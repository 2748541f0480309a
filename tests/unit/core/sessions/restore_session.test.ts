import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { AppError } from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { deleteSession } from "../../../../supabase/functions/_acontext_sessions/core/sessions/delete_session.ts";
import { restoreSession } from "../../../../supabase/functions/_acontext_sessions/core/sessions/restore_session.ts";
import type { SessionRow } from "../../fakes/store_rows.ts";
import { ALICE, BOB, DAY, World } from "../../fakes/world.ts";

function remove(world: World, row: SessionRow) {
  return world.run(deleteSession(world.deps, { userId: ALICE, sessionId: row.id }));
}

function restore(world: World, row: SessionRow, userId = ALICE) {
  return world.run(restoreSession(world.deps, { userId, sessionId: row.id }));
}

Deno.test("restoreSession() takes a deletion back when the grace period runs", async () => {
  const world = new World({ settings: { deletionGraceMs: DAY } });
  const row = world.one();
  assertEquals(await remove(world, row), { deleted: false });
  assertEquals((await world.run(world.sweep())).total, 0);
  assertEquals((await restore(world, row)).status, "active");
  await world.clock.advance(2 * DAY);
  await world.run(world.sweep());
  assertEquals([world.acontext.sessions.size, world.acontext.disks.size], [1, 1]);
});

Deno.test("restoreSession() respects the quota", async () => {
  const world = new World({ settings: { deletionGraceMs: DAY, maxSessionsPerUser: 1 } });
  const row = world.one();
  await remove(world, row);
  const [other] = world.active(1);
  const error = await assertRejects(() => restore(world, row), AppError);
  assertEquals([error.code, row.status], ["quota_exceeded", "deleting"]);
  assertEquals(error.message, "Cannot restore the session: the limit of 1 sessions is reached");

  await remove(world, other ?? row);
  assertEquals((await restore(world, row)).status, "active");
});

Deno.test("restoreSession() refuses a user who is deleted or banned", async () => {
  const world = new World({ settings: { deletionGraceMs: DAY } });
  const row = world.one();
  await remove(world, row);
  world.store.banned.add(ALICE);
  assertEquals((await assertRejects(() => restore(world, row), AppError)).code, "user_banned");
  world.store.users.delete(ALICE);
  assertEquals((await assertRejects(() => restore(world, row), AppError)).code, "user_deleted");
  assertEquals(row.status, "deleting");
});

Deno.test("restoreSession() refuses when there is nothing to restore", async () => {
  const world = new World();
  const row = world.one();
  const code = async (userId: string) =>
    (await assertRejects(() => restore(world, row, userId), AppError)).code;
  assertEquals(await code(BOB), "session_not_found");
  assertEquals(await code(ALICE), "not_restorable");

  world.acontext.outage = "network";
  await remove(world, row);
  assertEquals(await code(ALICE), "not_restorable");
  assertEquals(world.entry(row.id).id, row.id);
});

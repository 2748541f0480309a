import { assertEquals } from "@std/assert/mod.js";
import { eventually } from "../support/eventually.ts";
import { NAMESPACE, ours } from "./support/remote.ts";
import { integrationTest, type World } from "./support/world.ts";

/** Two hours from now, so that what was made just now is past the grace period of orphans. */
async function reconcileLater(world: World): Promise<void> {
  await world.database.later("2 hours", async () => {
    await world.reconciled();
    await world.sweptWhenDue();
  });
}

integrationTest("a disk that came too late for its session is found and deleted", async (world) => {
  const user = await world.newUser();
  const id = crypto.randomUUID();
  const late = { route: "POST /disk", times: 1, fault: { kind: "late", ms: 2_000 } } as const;
  const { acontextDiskId } = await world.remote.withFaults([late], async () => {
    await world.create(user, { id });
    return await world.created(user, { id });
  });
  await eventually("the late disk is there", async () => {
    return ours(await world.remote.audit()).disks.length === 2;
  });
  await reconcileLater(world);
  assertEquals(ours(await world.remote.audit()), { sessions: [id], disks: [acontextDiskId] });
  const rows = await world.database
    .sql`select session_id from acontext_sessions.uncertain_sessions`;
  assertEquals(rows.length, 0);
});

integrationTest(
  "what carries our mark and belongs to no row goes, all else stays",
  async (world) => {
    const user = await world.newUser();
    const kept = await world.created(user);
    const lost = crypto.randomUUID();
    const mark = (namespace: string) => ({
      acontext_sessions: { namespace, session_id: lost },
    });
    await world.remote.makeSession({ use_uuid: lost, configs: mark(NAMESPACE) });
    await world.remote.makeDisk({ user: `${NAMESPACE}:${lost}` });
    const others = {
      sessions: [
        await world.remote.makeSession({ configs: mark("other") }),
        await world.remote.makeSession({}),
      ],
      disks: [
        await world.remote.makeDisk({ user: `other:${lost}` }),
        await world.remote.makeDisk({}),
        (await world.remote.makeSkill()).diskId,
      ],
    };
    await reconcileLater(world);
    const { sessions, disks } = await world.remote.audit();
    assertEquals(
      sessions.map(({ id }) => id).sort(),
      [...others.sessions, kept.id].sort(),
    );
    assertEquals(
      disks.map(({ id }) => id).sort(),
      [...others.disks, kept.acontextDiskId].sort(),
    );
    const receipts = await world.database.receipts();
    assertEquals(receipts.map(({ reason }) => reason), ["orphan", "orphan"]);
  },
);

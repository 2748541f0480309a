import { assert, assertEquals } from "@std/assert/mod.js";
import type { FaultRule } from "../../local/acontext/fault_rules.ts";
import { eventually } from "../support/eventually.ts";
import { assertRefused, sessionOf } from "./support/functions.ts";
import { assertNothingLeft, ours } from "./support/remote.ts";
import { integrationTest } from "./support/world.ts";

const LOST: FaultRule["fault"][] = [{ kind: "drop", when: "after" }, { kind: "stall" }];

for (const route of ["POST /disk", "POST /session"]) {
  for (const fault of LOST) {
    integrationTest(
      `a lost answer to ${route} (${fault.kind}) is healed at once`,
      async (world) => {
        const user = await world.newUser();
        const answer = await world.remote.withFaults(
          [{ route, times: 1, fault }],
          () => world.create(user),
        );
        assertEquals(answer.status, 201);
        const { sessions, disks } = ours(await world.remote.audit());
        assertEquals(sessions, [sessionOf(answer).id]);
        assertEquals(disks, [sessionOf(answer).acontextDiskId]);
      },
    );
  }

  integrationTest(
    `${route} dropped before it had an effect is healed by a retry`,
    async (world) => {
      const user = await world.newUser();
      const id = crypto.randomUUID();
      const answer = await world.remote.withFaults(
        [{ route, times: 1, fault: { kind: "drop", when: "before" } }],
        () => world.create(user, { id }),
      );
      assertRefused(answer, 503, "acontext_unavailable");
      assertEquals(sessionOf(await world.create(user, { id })).id, id);
      const { sessions, disks } = ours(await world.remote.audit());
      assertEquals([sessions.length, disks.length], [1, 1]);
    },
  );
}

integrationTest("a disk whose answer and proof were lost is found by the retry", async (world) => {
  const user = await world.newUser();
  const id = crypto.randomUUID();
  const answer = await world.remote.withFaults([
    { route: "POST /disk", fault: { kind: "drop", when: "after" } },
    { route: "GET /disk", fault: { kind: "status", status: 500 } },
  ], () => world.create(user, { id }));
  assertRefused(answer, 503, "acontext_unavailable");
  assertEquals(await world.database.statusOf(id), "provisioning");
  const { disks } = ours(await world.remote.audit());
  assertEquals(disks.length, 1);

  const retried = await world.created(user, { id });
  assertEquals([retried.acontextDiskId], disks);
  assertEquals(ours(await world.remote.audit()).disks, disks);
});

integrationTest(
  "a disk that appears after its session was made is remembered",
  async (world) => {
    const user = await world.newUser();
    const id = crypto.randomUUID();
    const answer = await world.remote.withFaults(
      [{ route: "POST /disk", times: 1, fault: { kind: "late", ms: 300 } }],
      async () => {
        assertRefused(await world.create(user, { id }), 503, "acontext_unavailable");
        return await world.create(user, { id });
      },
    );
    assertEquals(answer.status, 201);
    // Not found again by id, but by the label of a session that is known to need a look.
    await eventually("the late disk is there", async () => {
      return ours(await world.remote.audit()).disks.length === 2;
    });
    const rows = await world.database
      .sql`select session_id from acontext_sessions.uncertain_sessions`;
    assertEquals(rows.map((row) => row["session_id"]), [id]);
  },
);

integrationTest("throttling is passed on with its Retry-After", async (world) => {
  const user = await world.newUser();
  const id = crypto.randomUUID();
  const answer = await world.remote.withFaults(
    [{ route: "POST /session", fault: { kind: "throttle", retryAfterSeconds: 7 } }],
    () => world.create(user, { id }),
  );
  const error = assertRefused(answer, 503, "acontext_unavailable");
  assertEquals(answer.headers.get("retry-after"), "7");
  assert(error.hint?.includes(id));
  assertEquals(sessionOf(await world.create(user, { id })).id, id);
});

integrationTest("an outage of Acontext is a 503 that a retry heals", async (world) => {
  const user = await world.newUser();
  const id = crypto.randomUUID();
  const answer = await world.remote.withFaults(
    [{ route: "*", fault: { kind: "outage" } }],
    () => world.create(user, { id }),
  );
  assertRefused(answer, 503, "acontext_unavailable");
  assert(Number(answer.headers.get("retry-after")) > 0);
  assertEquals(await world.database.statusOf(id), "provisioning");
  const { data } = await user.client.from("session_mappings").select().throwOnError();
  assertEquals(data, [], "a half-made session is not shown");
  assertEquals((await world.create(user, { id })).status, 201);
});

integrationTest("a session of somebody else in Acontext is not taken over", async (world) => {
  const user = await world.newUser();
  const id = await world.remote.makeSession({
    use_uuid: crypto.randomUUID(),
    configs: { owner: "another app" },
  });
  assertRefused(await world.create(user, { id }), 409, "id_taken");
  await world.database.abandon([id]);
  const report = await world.swept();
  assertEquals([report.deleted, report.failed], [1, 0]);
  const audit = await world.remote.audit();
  assertNothingLeft(audit);
  assertEquals(audit.sessions.map((session) => session.id), [id]);
});

for (const version of ["no-uuid", "no-labels", "oldest"] as const) {
  integrationTest(
    `sessions come and go on an Acontext server of kind ${version}`,
    async (world) => {
      await world.remote.control.setVersion(version);
      const user = await world.newUser();
      const [one, two] = [await world.created(user), await world.created(user)];
      assertEquals((await world.remove(user, one.id)).body, { deleted: true });
      await world.database.expire([two.id]);
      assertEquals((await world.swept({ force: true })).deleted, 1);
      const { sessions, disks } = await world.remote.audit();
      assertEquals([sessions, disks], [[], []]);
    },
  );
}

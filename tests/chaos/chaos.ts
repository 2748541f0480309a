/** What the chaos tests share: a stack to break, time that passes, workers that never rest. @module */

import { assertEquals } from "@std/assert/mod.js";
import { delay } from "@std/async/delay.js";
import type { FaultRule } from "../../local/acontext/fault_rules.ts";
import type { Answer, CleanupBody, Session } from "../integration/support/functions.ts";
import { assertNothingLeft, findLeaks } from "../integration/support/remote.ts";
import { expiredSessions } from "../integration/support/sessions.ts";
import type { TestUser } from "../integration/support/users.ts";
import { withWorld, type World } from "../integration/support/world.ts";
import { type TestStack, withTestStack } from "../support/test_stack.ts";

export const WORKERS = 4;
export const DELETES = ["DELETE /session/:id", "DELETE /disk/:id"];

/** Longer than a lease, and than a run may be silent. */
const LONG_SECONDS = 8 * 60;

export interface Chaos {
  world: World;
  stack: TestStack;
  /** Whose sessions all are. */
  user: TestUser;
  /** Makes this many expired sessions. */
  addExpired(count: number): Promise<void>;
  /** Makes a session that no sweep may touch. The test has to delete it. */
  addPinned(title: string): Promise<Session>;
  /**
   * Lets leases end. Only when no worker lives: a worker's own clock and the database's run at one pace, so whoever moves
   * one of them under a living worker breaks what the lease relies on.
   */
  passLongTime(): Promise<void>;
  /** Asserts that nothing of ours in Acontext is unknown to the database. */
  assertNoLeak(): Promise<void>;
  /** Asserts that Acontext never worked on two deletes of one id at a time. */
  assertNoOverlap(): Promise<void>;
  /** Asserts that all sessions ever added are gone, each with one receipt. */
  assertAllGone(): Promise<void>;
}

export function chaosTest(name: string, test: (chaos: Chaos) => Promise<void>): void {
  Deno.test({
    name,
    // The workers of the stack run in this process.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () =>
      withTestStack(
        { instances: { "cleanup-sessions": WORKERS } },
        (stack) => withWorld(stack.info, async (world) => await test(await prepare(world, stack))),
      ),
  });
}

async function prepare(world: World, stack: TestStack): Promise<Chaos> {
  const { database, remote } = world;
  const user = await world.newUser();
  let added = 0;
  let passedSeconds = 0;
  return {
    world,
    stack,
    user,
    async addExpired(count) {
      await expiredSessions(world, count);
      added += count;
    },
    async addPinned(title) {
      const session = await world.created(user, { pinned: true, title });
      added += 1;
      return session;
    },
    async passLongTime() {
      await remote.quiet();
      passedSeconds += LONG_SECONDS;
      await database.sql.unsafe(`
        create or replace function acontext_sessions.clock() returns timestamptz
        language sql stable security invoker set search_path = ''
        as $$ select now() + interval '${passedSeconds} seconds' $$`);
    },
    async assertNoLeak() {
      assertEquals(await findLeaks(database, remote), []);
    },
    async assertNoOverlap() {
      assertEquals((await remote.audit()).overlappingDeletes, 0, "overlapping deletes");
    },
    async assertAllGone() {
      assertEquals([await database.rowCount(), (await database.queue()).length], [0, 0]);
      assertNothingLeft(await remote.audit());
      const receipts = await database.receipts();
      assertEquals(new Set(receipts.map(({ id }) => id)).size, added);
      assertEquals(receipts.length, added);
    },
  };
}

/** Deletes that take `ms`: long enough to die in the middle of them. */
export function slowDeletes(ms: number): FaultRule[] {
  return DELETES.map((route) => ({ route, fault: { kind: "delay", ms } }));
}

/** Clients that call one cleanup after the other, and count how those ended. */
export function startClients({ cleanup }: World, body: CleanupBody) {
  const ends: Record<string, number> = {};
  let stopping = false;
  async function client(): Promise<void> {
    while (!stopping) {
      const answer = await cleanup({ force: true, ...body });
      const end = endOf(answer);
      ends[end] = (ends[end] ?? 0) + 1;
      // Nothing is due, or nobody is there to ask.
      if (end !== "limit") await delay(20);
    }
  }
  const clients = Array.from({ length: WORKERS }, client);
  return {
    /** Lets every call end. */
    async stop(): Promise<Record<string, number>> {
      stopping = true;
      await Promise.all(clients);
      return ends;
    },
  };
}

/** The stop reason of a report, or the status of what is none. */
function endOf({ status, body }: Answer): string {
  return typeof body === "object" && body !== null && "stopReason" in body
    ? String(body.stopReason)
    : String(status);
}

/** The seed of this run: `CHAOS_SEED`, or another one each time. */
export function chooseSeed(): number {
  const given = Deno.env.get("CHAOS_SEED");
  return given === undefined ? Math.floor(Math.random() * 1_000_000) : Number(given);
}

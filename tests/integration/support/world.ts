/** Everything a test needs of a running stack, and the frame in which a test runs. @module */

import { assertEquals } from "@std/assert/mod.js";
import { readStackInfo, type StackInfo } from "../../support/stack_info.ts";
import { type Database, openDatabase, resetDatabase } from "./database.ts";
import { createCalls } from "./functions.ts";
import { recordAnswers } from "./record.ts";
import { createRemote, findLeaks } from "./remote.ts";
import { createTokens } from "./tokens.ts";
import { createUsers } from "./users.ts";

recordAnswers();

export type World =
  & ReturnType<typeof createCalls>
  & ReturnType<typeof createUsers>
  & {
    info: StackInfo;
    database: Database;
    remote: ReturnType<typeof createRemote>;
    tokens: ReturnType<typeof createTokens>;
    /** A sweep that takes up what was queued just now, too, which is due a moment later. */
    sweptWhenDue(): ReturnType<ReturnType<typeof createCalls>["swept"]>;
  };

/**
 * Runs `test` in a world without sessions, users and faults. However it ends, no fault is left behind; and whatever it
 * did, nothing of ours in Acontext may be unknown to the database.
 */
export async function withWorld(
  info: StackInfo,
  test: (world: World) => Promise<void>,
): Promise<void> {
  const remote = createRemote(info);
  const database = openDatabase(info);
  try {
    await resetDatabase(info);
    await database.silenceJobs();
    await remote.control.reset();
    await remote.control.setVersion("new");
    const calls = createCalls(info);
    await test({
      ...calls,
      ...createUsers(info),
      info,
      database,
      remote,
      tokens: createTokens(info),
      async sweptWhenDue() {
        await database.makeDue();
        return await calls.swept();
      },
    });
    assertEquals(await findLeaks(database, remote), [], "leaked");
    assertEquals((await remote.audit()).overlappingDeletes, 0, "overlapping deletes");
  } finally {
    await remote.control.clearFaults();
    await database.close();
  }
}

/** A test against the stack that is running. Tests may run in any order. */
export function integrationTest(name: string, test: (world: World) => Promise<void>): void {
  Deno.test(name, () => withWorld(readStackInfo(), test));
}

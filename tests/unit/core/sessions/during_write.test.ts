import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { notedWrites } from "../../../../supabase/functions/_acontext_sessions/core/sessions/during_write.ts";
import type { UseOutcome } from "../../../../supabase/functions/_acontext_sessions/core/sessions/ports.ts";
import { AppError } from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { FakeClock } from "../../fakes/clock.ts";

const KEY = { userId: "u", sessionId: "s" };
const USED: UseOutcome = {
  outcome: "ok",
  acontextSessionId: "a",
  acontextDiskId: "d",
  storedMessages: 0,
};

/** When, on the clock, the database heard of a write that takes `ms`, and, in `events`, what was logged. */
async function notesOf(
  ms: number,
  { failing = false, events = [] }: { failing?: boolean; events?: string[] } = {},
): Promise<number[]> {
  const clock = new FakeClock();
  const notes: number[] = [];
  const sessions = {
    useSession: () => Promise.reject(new Error("not asked")),
    noteWrite() {
      notes.push(clock.now());
      return failing ? Promise.reject(new Error("no database")) : Promise.resolve();
    },
  };
  const log = { info() {}, warn: (event: string) => void events.push(event), error() {} };
  const value = await clock.run(
    notedWrites({ sessions, clock, log }, KEY)
      .during(() => clock.sleep(ms).then(() => "written")),
  );
  assertEquals(value, "written");
  assertEquals(clock.now(), ms);
  return notes;
}

Deno.test("a write that is over within a second is not noted again", async () => {
  assertEquals(await notesOf(0), []);
  assertEquals(await notesOf(999), []);
});

Deno.test("a longer one is noted every second, and at its end", async () => {
  assertEquals(await notesOf(2_500), [1_000, 2_000, 2_500]);
});

Deno.test("what cannot be noted does not stop the write", async () => {
  const events: string[] = [];
  assertEquals((await notesOf(2_500, { failing: true, events })).length, 3);
  assertEquals(events, Array.from({ length: 3 }, () => "note_write_failed"));
});

Deno.test("a write that fails fails, and ends the notes", async () => {
  const clock = new FakeClock();
  const sessions = {
    useSession: () => Promise.reject(new Error("not asked")),
    noteWrite: () => Promise.resolve(),
  };
  const log = { info() {}, warn() {}, error() {} };
  const failing = () => clock.sleep(10).then(() => Promise.reject(new TypeError("broken")));
  await assertRejects(
    () => clock.run(notedWrites({ sessions, clock, log }, KEY).during(failing)),
    TypeError,
  );
  assertEquals(clock.now(), 10);
});

/** Writes that come one after the other, and what the database heard. */
function laterWrites(useSession: () => UseOutcome) {
  const clock = new FakeClock();
  const heard: string[] = [];
  const sessions = {
    async useSession() {
      heard.push(`use ${clock.now()}`);
      await clock.sleep(50);
      return useSession();
    },
    noteWrite() {
      heard.push(`note ${clock.now()}`);
      return Promise.resolve();
    },
  };
  const log = { info() {}, warn() {}, error() {} };
  const writes = notedWrites({ sessions, clock, log }, KEY);
  const write = (ms: number) => clock.run(writes.during(() => clock.sleep(ms)));
  return { clock, heard, write };
}

Deno.test("of several writes each counts from when the last was noted", async () => {
  const { clock, heard, write } = laterWrites(() => USED);
  await clock.advance(600);
  await write(300);
  assertEquals(heard, []);
  await write(300);
  assertEquals(heard, ["note 1000", "note 1200"]);
});

Deno.test("a write that comes long after the last asks whether it still may", async () => {
  const { clock, heard, write } = laterWrites(() => USED);
  await clock.advance(2_000);
  await write(200);
  await write(200);
  assertEquals(heard, ["use 2000"]);
});

Deno.test("a write that comes too late is not begun", async () => {
  const { clock, write } = laterWrites(() => ({ outcome: "deleting" }));
  await clock.advance(2_000);
  const error = await assertRejects(() => write(200), AppError);
  assertEquals([error.code, clock.now()], ["session_deleting", 2_050]);
});

import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { notedWrites } from "../../../../supabase/functions/_acontext_sessions/core/sessions/during_write.ts";
import { FakeClock } from "../../fakes/clock.ts";

/** When, on the clock, the database heard of a write that takes `ms`, and, in `events`, what was logged. */
async function notesOf(
  ms: number,
  { failing = false, events = [] }: { failing?: boolean; events?: string[] } = {},
): Promise<number[]> {
  const clock = new FakeClock();
  const notes: number[] = [];
  const sessions = {
    noteWrite() {
      notes.push(clock.now());
      return failing ? Promise.reject(new Error("no database")) : Promise.resolve();
    },
  };
  const log = { info() {}, warn: (event: string) => void events.push(event), error() {} };
  const value = await clock.run(
    notedWrites({ sessions, clock, log }, "s")
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
  const sessions = { noteWrite: () => Promise.resolve() };
  const log = { info() {}, warn() {}, error() {} };
  const failing = () => clock.sleep(10).then(() => Promise.reject(new TypeError("broken")));
  await assertRejects(
    () => clock.run(notedWrites({ sessions, clock, log }, "s").during(failing)),
    TypeError,
  );
  assertEquals(clock.now(), 10);
});

Deno.test("a write that comes later counts from when the last one was noted", async () => {
  const clock = new FakeClock();
  const notes: number[] = [];
  const sessions = {
    noteWrite: () => {
      notes.push(clock.now());
      return clock.sleep(50);
    },
  };
  const log = { info() {}, warn() {}, error() {} };
  const writes = notedWrites({ sessions, clock, log }, "s");
  const write = (ms: number) => clock.run(writes.during(() => clock.sleep(ms)));
  await clock.advance(600);
  await write(300);
  assertEquals(notes, []);
  await write(300);
  assertEquals(notes, [1_000, 1_200]);
  // Nothing was noted for a while.
  await clock.advance(5_000);
  const from = clock.now();
  await write(200);
  assertEquals(notes, [1_000, 1_200, from, from + 200]);
});

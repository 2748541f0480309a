import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { AppError } from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { readBytes } from "../../../supabase/functions/_acontext_sessions/http/bytes.ts";
import { FakeClock } from "../fakes/clock.ts";

const KIB = 1024;
const MAX = 16 * KIB * KIB;
const TIMEOUT_MS = 30_000;

/** A body of chunks, each of so many bytes after so many milliseconds; with `end` it ends after them. */
function bodyOf(
  chunks: Iterable<[afterMs: number, bytes: number]>,
  { clock, end = true }: { clock: FakeClock; end?: boolean },
) {
  const iterator = chunks[Symbol.iterator]();
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = iterator.next();
      if (!next.done) {
        const [afterMs, bytes] = next.value;
        if (afterMs > 0) await clock.sleep(afterMs);
        if (!cancelled) controller.enqueue(new Uint8Array(bytes));
      } else if (end) controller.close();
      else await new Promise(() => {});
    },
    cancel() {
      cancelled = true;
    },
  }, { highWaterMark: 0 });
  return { stream, isCancelled: () => cancelled };
}

/** Reads it in virtual time: the bytes that came or the error's code, and the milliseconds that it took. */
async function reading(
  chunks: Iterable<[number, number]>,
  { end = true, length }: { end?: boolean; length?: number } = {},
): Promise<{ outcome: number | string; ms: number; cancelled: boolean }> {
  const clock = new FakeClock();
  const { stream, isCancelled } = bodyOf(chunks, { clock, end });
  const request = new Request("http://x.test", {
    method: "POST",
    body: stream,
    headers: length === undefined ? {} : { "content-length": String(length) },
  });
  const read = readBytes(request, {
    maxBytes: MAX,
    checkHeaders: () => {},
    pace: { clock, timeoutMs: TIMEOUT_MS },
  }).then(({ length }) => length, (error) => {
    if (!(error instanceof AppError)) throw error;
    return error.code;
  });
  const outcome = await clock.run(read);
  return { outcome, ms: clock.now(), cancelled: isCancelled() };
}

/** So many bytes a second, in chunks of this size. */
function* line(bytesPerSecond: number, { total, chunk }: { total: number; chunk: number }) {
  for (let sent = 0; sent < total; sent += chunk) {
    yield [1000 * chunk / bytesPerSecond, Math.min(chunk, total - sent)] satisfies [number, number];
  }
}

Deno.test("a body that stops is waited for ten seconds", async () => {
  assertEquals(await reading([[0, 9]], { end: false, length: 50 }), {
    outcome: "request_timeout",
    ms: 10_000,
    cancelled: true,
  });
});

Deno.test("a body that never begins is waited for ten seconds", async () => {
  assertEquals(await reading([], { end: false }), {
    outcome: "request_timeout",
    ms: 10_000,
    cancelled: true,
  });
});

Deno.test("a body that trickles is given up after thirty seconds", async () => {
  const trickle = line(1, { total: 64 * KIB, chunk: 1 });
  const { ms, ...rest } = await reading(trickle, { length: 64 * KIB });
  assertEquals(rest, { outcome: "request_timeout", cancelled: true });
  assertEquals(Math.floor(ms), 30_000);
});

Deno.test("a body with pauses that are short enough is read", async () => {
  const { outcome, ms } = await reading([[9_000, 10], [9_000, 10], [9_000, 10]]);
  assertEquals([outcome, ms], [30, 27_000]);
});

Deno.test("what has come when a stalled worker hears of the time is read", async () => {
  const { outcome, ms } = await reading([[10_000, 9], [0, 41]], { length: 50 });
  assertEquals([outcome, ms], [50, 10_000]);
  const paused = await reading([[9_999, 9], [9_999, 9], [9_999, 9], [3, 23]], { length: 50 });
  assertEquals([paused.outcome, paused.ms], [50, 30_000]);
});

Deno.test("a body that comes byte by byte is watched by one timer", async () => {
  class CountingClock extends FakeClock {
    sleeps = 0;
    override sleep(ms: number, signal?: AbortSignal): Promise<void> {
      this.sleeps++;
      return super.sleep(ms, signal);
    }
  }
  const clock = new CountingClock();
  const bytes = line(Infinity, { total: KIB, chunk: 1 });
  const { stream } = bodyOf(bytes, { clock });
  const request = new Request("http://x.test", { method: "POST", body: stream });
  const read = readBytes(request, {
    maxBytes: MAX,
    checkHeaders: () => {},
    pace: { clock, timeoutMs: TIMEOUT_MS },
  });
  assertEquals((await clock.run(read)).length, KIB);
  assertEquals(clock.sleeps, 1);
});

Deno.test("a large file comes over a line of 1.2 Mbit/s, and not over a slower one", async () => {
  const size = { total: MAX, chunk: 16 * KIB };
  const { outcome, ms } = await reading(line(145 * KIB, size), { length: MAX });
  assertEquals(outcome, MAX);
  assert(ms < 120_000, "the platform waits 150 s for an answer");
  const slow = await reading(line(100 * KIB, size), { length: MAX });
  assertEquals([slow.outcome, slow.cancelled], ["request_timeout", true]);
  assert(slow.ms < 70_000, `${slow.ms}`);
});

Deno.test("a body that comes at once takes no time", async () => {
  assertEquals(await reading(line(Infinity, { total: MAX, chunk: 64 * KIB })), {
    outcome: MAX,
    ms: 0,
    cancelled: false,
  });
});

Deno.test("what is announced and does not come takes no memory", async () => {
  const made: number[] = [];
  const real = globalThis.Uint8Array;
  const clock = new FakeClock();
  const { stream } = bodyOf([[0, 9]], { clock, end: false });
  const request = new Request("http://x.test", {
    method: "POST",
    body: stream,
    headers: { "content-length": String(MAX) },
  });
  globalThis.Uint8Array = new Proxy(real, {
    construct(target, [first, ...rest]) {
      if (typeof first === "number") made.push(first);
      return Reflect.construct(target, [first, ...rest]);
    },
  });
  try {
    await assertRejects(
      () =>
        clock.run(readBytes(request, {
          maxBytes: MAX,
          checkHeaders: () => {},
          pace: { clock, timeoutMs: TIMEOUT_MS },
        })),
      AppError,
    );
  } finally {
    globalThis.Uint8Array = real;
  }
  assert(made.length > 0 && Math.max(...made) <= 64 * KIB, `${made}`);
});

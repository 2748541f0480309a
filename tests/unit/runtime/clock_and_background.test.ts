import { assertEquals } from "@std/assert/mod.js";
import {
  runInBackground,
  shutdownSignal,
} from "../../../supabase/functions/_acontext_sessions/runtime/background.ts";
import { systemClock } from "../../../supabase/functions/_acontext_sessions/runtime/clock.ts";

Deno.test("sleep() ends after its time", async () => {
  const start = systemClock.now();
  await systemClock.sleep(20);
  assertEquals(systemClock.now() - start >= 19, true);
});

Deno.test("sleep() ends at once when its signal is or gets aborted, and leaves no timer", async () => {
  const start = systemClock.now();
  await systemClock.sleep(60_000, AbortSignal.abort());
  const controller = new AbortController();
  const sleeping = systemClock.sleep(60_000, controller.signal);
  controller.abort();
  await sleeping;
  assertEquals(systemClock.now() - start < 1000, true);
});

Deno.test("runInBackground() hands work to EdgeRuntime.waitUntil where there is one", () => {
  const handed: unknown[] = [];
  const runtime = {
    kept: handed,
    waitUntil(work: unknown) {
      this.kept.push(work);
    },
  };
  Reflect.set(globalThis, "EdgeRuntime", runtime);
  try {
    const work = Promise.resolve();
    runInBackground(work);
    assertEquals(handed, [work]);
  } finally {
    Reflect.deleteProperty(globalThis, "EdgeRuntime");
  }
});

Deno.test("runInBackground() lets work go on without EdgeRuntime", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let done = false;
  runInBackground(promise.then(() => {
    done = true;
  }));
  resolve();
  await promise;
  await Promise.resolve();
  assertEquals(done, true);
});

Deno.test("the shutdown signal is aborted by beforeunload", () => {
  assertEquals(shutdownSignal.aborted, false);
  dispatchEvent(new Event("beforeunload"));
  assertEquals(shutdownSignal.aborted, true);
});

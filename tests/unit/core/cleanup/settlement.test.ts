import { assertEquals } from "@std/assert/mod.js";
import type {
  Attempt,
  Removal,
} from "../../../../supabase/functions/_acontext_sessions/core/cleanup/delete_remote.ts";
import type { Settlement } from "../../../../supabase/functions/_acontext_sessions/core/cleanup/ports.ts";
import {
  type Blame,
  retryAfterOf,
  settlementOf,
} from "../../../../supabase/functions/_acontext_sessions/core/cleanup/settlement.ts";
import { uuid } from "../../fakes/world.ts";

const DELETION = {
  id: uuid(1),
  originId: uuid(1),
  acontextSessionId: uuid(2),
  acontextDiskId: uuid(3),
  sessionGone: false,
  diskGone: false,
  messages: 3,
  sessionInDoubt: false,
  diskInDoubt: false,
};

const NOTES: Omit<Attempt, "session" | "disk"> = {
  inDoubt: [],
  repeated: 0,
  slow: "no",
  sessionMs: null,
};

const gone: Removal = { kind: "gone", proof: "deleted" };
const throttled: Removal = { kind: "throttled", retryAfterMs: 700 };
const unanswered: Removal = { kind: "unavailable", error: "timeout", underWay: true };
const broken: Removal = { kind: "unavailable", error: "http_500", underWay: false };
const failed: Removal = { kind: "failed", error: "http_403" };
const late: Removal = { kind: "late" };

const CASES: [Removal | null, Removal | null, Blame, Omit<Settlement, "id">][] = [
  [gone, gone, "entry", { session: "deleted", disk: "deleted", disposition: "release" }],
  [gone, broken, "entry", { session: "deleted", disposition: "retry", error: "disk: http_500" }],
  [null, gone, "entry", { disk: "deleted", disposition: "release" }],
  [null, null, "entry", { disposition: "release" }],
  [gone, failed, "entry", { session: "deleted", disposition: "retry", error: "disk: http_403" }],
  [gone, unanswered, "entry", {
    session: "deleted",
    disposition: "retry",
    error: "disk: timeout",
    underWay: true,
  }],
  [unanswered, gone, "service", {
    disk: "deleted",
    disposition: "defer",
    error: "session: timeout",
    underWay: true,
  }],
  [throttled, gone, "entry", {
    disk: "deleted",
    disposition: "release",
    error: "session: throttled",
  }],
  [late, late, "entry", { disposition: "release", error: "session: late; disk: late" }],
  // A request may be under way: it is not due again at once because the other resource was throttled or late.
  [throttled, unanswered, "service", {
    disposition: "defer",
    error: "session: throttled; disk: timeout",
    underWay: true,
  }],
  [late, unanswered, "service", {
    disposition: "defer",
    error: "session: late; disk: timeout",
    underWay: true,
  }],
  [throttled, failed, "service", {
    disposition: "retry",
    error: "session: throttled; disk: http_403",
  }],
  [unanswered, failed, "service", {
    disposition: "retry",
    error: "session: timeout; disk: http_403",
    underWay: true,
  }],
];

for (const [session, disk, blame, expected] of CASES) {
  const kinds = `session ${session?.kind ?? "gone before"}, disk ${disk?.kind ?? "gone before"}`;
  Deno.test(`settlementOf() reports "${expected.disposition}" when ${kinds}, the ${blame} to blame`, () => {
    assertEquals(settlementOf(DELETION, { session, disk, ...NOTES }, { blame }), {
      id: DELETION.id,
      ...expected,
    });
  });
}

Deno.test("settlementOf() tells what the next attempt and the receipt have to know", () => {
  const attempt: Attempt = {
    session: unanswered,
    disk: late,
    inDoubt: ["session"],
    repeated: 2,
    slow: "now",
    sessionMs: null,
  };
  assertEquals(settlementOf(DELETION, attempt, { blame: "service" }), {
    id: DELETION.id,
    disposition: "defer",
    error: "session: timeout; disk: late",
    underWay: true,
    inDoubt: ["session"],
    repeated: 2,
    slow: true,
  });
  // No worker lives long enough, whoever is to blame.
  const hopeless = settlementOf(DELETION, { ...attempt, slow: "always" }, { blame: "service" });
  assertEquals([hopeless.disposition, hopeless.stuck], ["retry", true]);
  const done = { session: gone, disk: gone, ...NOTES, sessionMs: 40 };
  assertEquals(settlementOf(DELETION, done, { blame: "entry" }).sessionMs, 40);
});

Deno.test("retryAfterOf() is the longer wait when both resources are throttled", () => {
  const longer: Removal = { kind: "throttled", retryAfterMs: 900 };
  assertEquals(retryAfterOf({ session: throttled, disk: longer, ...NOTES }), 900);
  assertEquals(retryAfterOf({ session: gone, disk: null, ...NOTES }), 0);
});

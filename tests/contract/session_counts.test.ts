import { assertEquals } from "@std/assert/mod.js";
import { z } from "zod";
import { codesOf, dataOf } from "./api.ts";
import { contractTest, standInTest } from "./harness.ts";
import { loadedSchema, timestamp } from "./shapes.ts";

const countsSchema = z.object({ total_tokens: z.int() });
const statusSchema = z.object({
  observed: z.int(),
  in_process: z.int(),
  pending: z.int(),
  updated_at: timestamp,
});

contractTest("token_counts counts o200k_base tokens, as loading does", async (api) => {
  const id = await api.session();
  assertEquals(dataOf(await api.call("GET", `/session/${id}/token_counts`), countsSchema), {
    total_tokens: 0,
  });
  await api.say(id, "hello world");
  const counts = dataOf(await api.call("GET", `/session/${id}/token_counts`), countsSchema);
  assertEquals(counts.total_tokens, 3); // "hello", " world", and the line end the server adds
  await api.say(id, "<|endoftext|> is text like any other");
  const more = dataOf(await api.call("GET", `/session/${id}/token_counts`), countsSchema);
  const loaded = dataOf(await api.call("GET", `/session/${id}/messages`), loadedSchema);
  assertEquals(loaded.this_time_tokens, more.total_tokens);
});

contractTest("observing_status counts every tracked message once", async (api) => {
  const id = await api.session();
  await api.say(id, "one");
  await api.say(id, "two");
  const answer = await api.call("GET", `/session/${id}/observing_status`);
  const { observed, in_process, pending } = dataOf(answer, statusSchema);
  assertEquals(observed + in_process + pending, 2);
});

contractTest(
  "both answer 404 for a missing session and 400 for a malformed id",
  async ({ call }) => {
    for (const route of ["token_counts", "observing_status"]) {
      const missing = await call("GET", `/session/${crypto.randomUUID()}/${route}`);
      assertEquals(codesOf(missing), [404, 404], route);
      assertEquals(codesOf(await call("GET", `/session/x/${route}`)), [400, 400], route);
    }
  },
);

standInTest("both answer 403 for another project's session", async ({ call, other }) => {
  const id = await other.session();
  for (const route of ["token_counts", "observing_status"]) {
    assertEquals(codesOf(await call("GET", `/session/${id}/${route}`)), [403, 403], route);
  }
});

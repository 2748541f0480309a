import { assertEquals } from "@std/assert/mod.js";
import { hashText } from "../../../../supabase/functions/_acontext_sessions/core/messages/hash.ts";

Deno.test("hashText() is SHA-256 in hexadecimal", async () => {
  assertEquals(
    await hashText("abc"),
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
});

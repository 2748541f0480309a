import { assertEquals } from "@std/assert/mod.js";
import { isMediaType } from "../../../supabase/functions/_acontext_sessions/core/media_type.ts";

Deno.test("isMediaType() takes a type and a subtype, with parameters or without", () => {
  for (const text of ["text/plain", "image/svg+xml", "a/b;c=d", "text/plain ; charset=utf-8"]) {
    assertEquals(isMediaType(text), true, text);
  }
  for (const text of ["", "text", "text/", "/plain", "a/b/c", "a b/c", " a/b", "a/b,c", "a/b c"]) {
    assertEquals(isMediaType(text), false, text);
  }
});

Deno.test("isMediaType() takes nothing that could end a header or that is very long", () => {
  for (const text of ["a/b\r\nx: y", "a/b;c=\n", "a/b;\u007f", "a/b;é"]) {
    assertEquals(isMediaType(text), false, JSON.stringify(text));
  }
  assertEquals(isMediaType(`a/${"b".repeat(253)}`), true);
  assertEquals(isMediaType(`a/${"b".repeat(254)}`), false);
});

import { assertEquals } from "@std/assert/mod.js";
import { inOwnFormat } from "../../../supabase/functions/_acontext_sessions/acontext/own_format.ts";

Deno.test("arguments of a tool call may have any name", () => {
  const input = JSON.parse('{"__proto__":{"a":1},"constructor":null,"b":{"__proto__":[]}}');
  const message = {
    role: "assistant",
    content: [{ type: "tool_use", id: "t1", name: "w", input }],
  };
  assertEquals(inOwnFormat("anthropic", message)?.["parts"], [{
    type: "tool-call",
    meta: {
      id: "t1",
      name: "w",
      arguments: '{"__proto__":{"a":1},"b":{"__proto__":[]},"constructor":null}',
      type: "tool_use",
    },
  }]);
});

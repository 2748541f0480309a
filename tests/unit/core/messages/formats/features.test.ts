/**
 * The tables of docs/conversations.md are what the conversions do. `UPDATE_DOCS=1` writes them anew.
 *
 * @module
 */
import { assertEquals } from "@std/assert/mod.js";
import { uniqueBlob } from "../../../../../supabase/functions/_acontext_sessions/acontext/unique_content.ts";
import { isObject } from "../../../../../supabase/functions/_acontext_sessions/core/messages/formats/json.ts";
import { notKept } from "../../../../../supabase/functions/_acontext_sessions/core/messages/formats/own.ts";
import {
  showMessages,
  type Shown,
} from "../../../../../supabase/functions/_acontext_sessions/core/messages/formats/show.ts";
import {
  type Format,
  FORMATS,
} from "../../../../../supabase/functions/_acontext_sessions/core/messages/ports.ts";
import type {
  Json,
  JsonObject,
} from "../../../../../supabase/functions/_acontext_sessions/core/ports.ts";
import { type Feature, FEATURES } from "../../../../support/messages/features.ts";

const DOCS = new URL("../../../../../docs/conversations.md", import.meta.url);
const NAMES: Record<Format, string> = {
  openai: "OpenAI",
  anthropic: "Anthropic",
  gemini: "Gemini",
  acontext: "Acontext",
};
const ORDER = ["openai", "anthropic", "gemini", "acontext"] as const;
const URLS = { "0": { url: "https://files.test/0" } };

/** What the results among the features answer. */
const CALLS = {
  role: "assistant",
  parts: ["call_1", "toolu_1", "toolu_2"].map((id) => ({
    type: "tool-call",
    meta: { id, name: "f", arguments: "{}" },
  })),
};

function shown(format: Format, { message }: Feature, other: Format): Shown {
  const made = { format, message, meta: {}, attachments: new Map() };
  // What was attached has its place from Acontext.
  const hasFile = JSON.stringify(message).includes('"asset"');
  const from: JsonObject = hasFile ? message : uniqueBlob(made, "nonce").blob;
  const [, found] = showMessages(
    [{ id: "calls", message: CALLS }, { id: "feature", message: JSON.parse(JSON.stringify(from)) }],
    { format: other, urls: URLS },
  );
  if (found === undefined) throw new Error("nothing is shown");
  return found;
}

/** What a message consists of: the kinds of its parts, and its role where that says something. */
function kindsOf(message: Json): string[] {
  if (!isObject(message)) return [];
  const { role, content, parts, tool_calls } = message;
  const texts = typeof content === "string" ? ["text"] : [];
  const all = [content, parts, tool_calls].flatMap((list) => Array.isArray(list) ? list : []);
  const kinds = all.filter(isObject).map((part) =>
    typeof part["type"] === "string"
      ? part["function"] !== undefined || part["custom"] !== undefined ? "tool_calls" : part["type"]
      : part["thought"] === true
      ? "thought"
      : Object.keys(part)[0] ?? ""
  );
  const special = ["system", "developer", "tool", "function"].find((name) => name === role);
  return special === undefined ? [...texts, ...kinds] : [special];
}

function cell(format: Format, feature: Feature, other: Format): string {
  if (format === other) {
    return notKept(format, feature.message).length === 0 || feature.name.includes("attached")
      ? "kept"
      : "refused";
  }
  const { messages, omitted } = shown(format, feature, other);
  const counts = new Map<string, number>();
  for (const kind of messages.flatMap(kindsOf)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const said = [...counts].map(([kind, count]) => count > 1 ? `${count} ${kind}` : kind).join(", ");
  const marks: Record<string, string> = { no_equivalent: "¹", provider_bound: "²", mentioned: "³" };
  const reasons = new Set(omitted.map(({ reason }) => reason));
  return `${said || "none"}${[...reasons].map((reason) => marks[reason] ?? "").join("")}`;
}

function table(format: Format): string {
  const others = [format, ...ORDER.filter((other) => other !== format)];
  const rows = [
    [`Stored as ${NAMES[format]}'s`, ...others.map((other) => NAMES[other])],
    ...FEATURES[format].map((feature) => [
      feature.name,
      ...others.map((other) => cell(format, feature, other)),
    ]),
  ];
  const widths =
    rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (cells: string[]) =>
    `| ${cells.map((text, column) => text.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}

Deno.test("docs/conversations.md says what becomes of each feature in each format", async () => {
  const page = await Deno.readTextFile(DOCS);
  const begin = "<!-- Written by tests/unit/core/messages/formats/features.test.ts -->";
  const end = "<!-- End -->";
  const written = `${begin}\n\n${ORDER.map(table).join("\n\n")}\n\n${end}`;
  const [start, stop] = [page.indexOf(begin), page.indexOf(end) + end.length];
  if (Deno.env.get("UPDATE_DOCS") === "1") {
    await Deno.writeTextFile(DOCS, page.slice(0, start) + written + page.slice(stop));
  } else {
    assertEquals(page.slice(start, stop), written, "run this test with UPDATE_DOCS=1");
  }
  assertEquals([...ORDER].sort(), [...FORMATS].sort());
});

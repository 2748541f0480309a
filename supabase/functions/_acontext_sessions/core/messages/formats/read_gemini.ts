/**
 * What a content of Gemini says.
 *
 * @module
 */
import type { Json, JsonObject } from "../../ports.ts";
import { type Content, type Item, type MediaItem, mediaOf, type TextItem } from "./content.ts";
import { filledAt, goJson, isObject, listAt, member, objectAt, type Path, textAt } from "./json.ts";
import { lostMembers } from "./lost.ts";

const PART_KNOWN = [
  "text",
  "thought",
  "inlineData",
  "fileData",
  "functionCall",
  "functionResponse",
];

export function readGemini(message: JsonObject): Content {
  const lost: Path[] = lostMembers(message, ["role", "parts"]);
  return {
    role: textAt(message, "role") === "model" ? "assistant" : "user",
    items: listAt(message, "parts").flatMap((part, index) =>
      partItems(part, { at: ["parts", index], lost })
    ),
    lost,
  };
}

function partItems(part: Json, { at, lost }: { at: Path; lost: Path[] }): Item[] {
  if (!isObject(part)) return [{ kind: "other", at }];
  const isThought = part["thought"] === true;
  const known = isThought ? [...PART_KNOWN, "thoughtSignature"] : PART_KNOWN;
  // One by one: as arguments of one call they may be more than a stack holds.
  for (const path of lostMembers(part, known, at)) lost.push(path);
  const text = filledAt(part, "text");
  const data = objectAt(part, "inlineData");
  const file = objectAt(part, "fileData");
  const call = objectAt(part, "functionCall");
  const response = objectAt(part, "functionResponse");
  const signature = filledAt(part, "thoughtSignature");
  return [
    ...(text === undefined ? [] : [
      isThought
        ? { kind: "thought", at, text, signature, by: "gemini" } as const
        : { kind: "text", at, text } as const,
    ]),
    ...(data === undefined ? [] : [dataItem(data, at)]),
    ...(file === undefined ? [] : [fileItem(file, at)]),
    ...(call === undefined ? [] : [
      {
        kind: "call",
        at,
        id: filledAt(call, "id"),
        name: textAt(call, "name") ?? "",
        args: goJson(objectAt(call, "args") ?? {}),
        custom: false,
      } as const,
    ]),
    ...(response === undefined ? [] : [resultItem(response, at)]),
  ];
}

function dataItem(data: JsonObject, at: Path): MediaItem {
  const mimeType = filledAt(data, "mimeType");
  return {
    kind: "media",
    at,
    media: mediaOf(mimeType),
    source: { kind: "base64", data: textAt(data, "data") ?? "", mimeType },
    filename: filledAt(data, "displayName"),
  };
}

function fileItem(file: JsonObject, at: Path): MediaItem {
  const mimeType = filledAt(file, "mimeType");
  const url = textAt(file, "fileUri") ?? "";
  // What was uploaded to Gemini is there for Gemini alone.
  const isOpen = /^https?:/.test(url) &&
    !url.startsWith("https://generativelanguage.googleapis.com/");
  return {
    kind: "media",
    at,
    media: mediaOf(mimeType),
    source: isOpen ? { kind: "url", url, mimeType } : { kind: "id", id: url },
    filename: filledAt(file, "displayName"),
  };
}

function resultItem(found: JsonObject, at: Path): Item {
  const response = member(found, "response");
  const isError = isObject(response) && Object.keys(response).join() === "error";
  const texts: TextItem[] = isObject(response) && Object.keys(response).length > 0
    ? [{ kind: "text", at: [...at, "functionResponse", "response"], text: saidBy(response) }]
    : [];
  const media = listAt(found, "parts").flatMap((part, index): MediaItem[] => {
    const path = [...at, "functionResponse", "parts", index];
    const data = isObject(part) ? objectAt(part, "inlineData") : undefined;
    const file = isObject(part) ? objectAt(part, "fileData") : undefined;
    return [
      ...(data === undefined ? [] : [dataItem(data, path)]),
      ...(file === undefined ? [] : [fileItem(file, path)]),
    ];
  });
  return {
    kind: "result",
    at,
    id: filledAt(found, "id"),
    name: filledAt(found, "name"),
    content: [...texts, ...media],
    isError,
  };
}

/** A text in `output` or `error` alone is the result itself: so Gemini's own SDKs wrap one. */
function saidBy(response: JsonObject): string {
  const [[name, value] = ["", null], ...others] = Object.entries(response);
  return others.length === 0 && (name === "output" || name === "error") && typeof value === "string"
    ? value
    : goJson(response);
}

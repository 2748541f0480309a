/**
 * A page of stored messages in the format that is asked for.
 *
 * @module
 */
import type { Json, JsonObject } from "../../ports.ts";
import type { Format } from "./names.ts";
import type { Content, Omission, Written } from "./content.ts";
import { isObject, listAt, type Path, valueAt } from "./json.ts";
import { acontextFromOwn } from "./own.ts";
import { Pairing } from "./pair.ts";
import { frameOf, reassemble, storedFormat } from "./parts.ts";
import { type AssetUrls, readAcontext } from "./read_acontext.ts";
import { readAnthropic } from "./read_anthropic.ts";
import { readGemini } from "./read_gemini.ts";
import { readOpenai } from "./read_openai.ts";
import { writeAnthropic } from "./write_anthropic.ts";
import { writeGemini } from "./write_gemini.ts";
import { writeOpenai } from "./write_openai.ts";

type Provider = Exclude<Format, "acontext">;

const READ: Record<Provider, (message: JsonObject) => Content> = {
  openai: readOpenai,
  anthropic: readAnthropic,
  gemini: readGemini,
};
const WRITE: Record<Provider, (content: Content) => Written> = {
  openai: writeOpenai,
  anthropic: writeAnthropic,
  gemini: writeGemini,
};

/** Of one message. */
const MOST_OMISSIONS = 100;

function isProvider(format: string | null): format is Provider {
  return format !== null && Object.hasOwn(READ, format);
}

/** In the order of the conversation, as Acontext's own format gives them. */
export interface Stored {
  id: string;
  message: Json;
}

/** What became of each. */
export interface Shown extends Written {
  id: string;
}

export function showMessages(
  stored: Stored[],
  { format, urls }: { format: Format; urls: AssetUrls },
): Shown[] {
  const pairing = new Pairing();
  return stored.map(({ id, message }) => {
    if (!isObject(message)) return { id, messages: [message], omitted: [] };
    const parts = listAt(message, "parts");
    const original = originalOf(parts);
    const content = original === null
      ? readAcontext(message, urls)
      : READ[original.format](original.message);
    // Whatever is answered: later messages are paired with this one.
    const paired = pairing.pair(content, id);
    if (format === "acontext") {
      const hidden = original === null ? [] : hiddenFrom(parts, content);
      return { id, messages: [acontextFromOwn(message)], omitted: bounded(hidden) };
    }
    // What is to be shown as it was stored is not written anew.
    if (format === original?.format) {
      return { id, messages: [original.message], omitted: [] };
    }
    const written = WRITE[format](paired);
    const lost = content.lost.map(toOmission);
    return {
      id,
      messages: written.messages,
      omitted: bounded([...lost, ...written.omitted, ...emptied(written, content)]),
    };
  });
}

/** The message as it was stored, with its format; null when it cannot be put together again. */
function originalOf(parts: Json[]): { format: Provider; message: JsonObject } | null {
  const format = storedFormat(parts);
  if (!isProvider(format)) return null;
  const message = reassemble(parts);
  return isObject(message) ? { format, message } : null;
}

/** A message may have more members that nobody knows than anybody reads: then the rest is named as a whole. */
function bounded(omitted: Omission[]): Omission[] {
  if (omitted.length <= MOST_OMISSIONS) return omitted;
  return [...omitted.slice(0, MOST_OMISSIONS), { at: [], reason: "no_equivalent" }];
}

function toOmission(at: Path): Omission {
  return { at, reason: at.at(-1) === "thoughtSignature" ? "provider_bound" : "no_equivalent" };
}

/** What Acontext's own format does not show: it is in what is kept with the parts, and in no part. */
function hiddenFrom(parts: Json[], { items, lost }: Content): Omission[] {
  const frame = frameOf(parts);
  const unseen = items.flatMap((item): Path[] => {
    if (item.kind === "result") {
      return item.content.flatMap(({ kind, at }) => kind === "media" ? [at] : []);
    }
    return item.kind === "other" || (item.kind === "thought" && item.text === "") ? [item.at] : [];
  });
  return [...lost, ...unseen].filter((at) => (valueAt(frame, at) ?? null) !== null).map(toOmission);
}

/** A message of which nothing is left, and of which no part says why. */
function emptied({ messages, omitted }: Written, { lost }: Content): Omission[] {
  const at: Path = [];
  return messages.length > 0 || omitted.length + lost.length > 0
    ? []
    : [{ at, reason: "no_equivalent" }];
}

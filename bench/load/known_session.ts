/** What one client knows about one of its sessions, and therefore has to find there. @module */

export interface KnownSession {
  id: string;
  /** Texts that were answered as stored, oldest first. */
  stored: string[];
  /** Texts that may be there once or not at all. */
  uncertain: Set<string>;
  /** An upload was answered as done. */
  hasFile: boolean;
  /** Contents that the file may have: the last one answered as uploaded, and those tried since. */
  file: string[];
}

export function newKnownSession(id: string): KnownSession {
  return { id, stored: [], uncertain: new Set(), hasFile: false, file: [] };
}

/** What is wrong with the texts that came back; null when nothing is. */
export function problemOf({ stored, uncertain }: KnownSession, texts: string[]): string | null {
  if (new Set(texts).size !== texts.length) return "a message is there twice";
  const certain = texts.filter((text) => !uncertain.has(text));
  if (certain.length < stored.length) return "a message is lost";
  if (certain.length > stored.length) return "a message is there that nobody stored";
  return certain.every((text, index) => text === stored[index])
    ? null
    : "the messages are not those stored, or in another order";
}

/** What one client knows of one of its sessions, and what it therefore has to be shown. @module */

export interface Conversation {
  id: string;
  /** Texts that were answered as stored, oldest first. */
  stored: string[];
  /** Texts of which nobody could tell: there once, or not at all. */
  uncertain: Set<string>;
  /** An upload of its file was answered as done. */
  hasFile: boolean;
  /** Contents that the file may have: the last whose upload was answered as done, and those tried since. */
  file: string[];
}

export function newConversation(id: string): Conversation {
  return { id, stored: [], uncertain: new Set(), hasFile: false, file: [] };
}

/** What is wrong with the texts that came back; null when nothing is. */
export function problemOf({ stored, uncertain }: Conversation, texts: string[]): string | null {
  if (new Set(texts).size !== texts.length) return "a message is there twice";
  const certain = texts.filter((text) => !uncertain.has(text));
  if (certain.length < stored.length) return "a message is lost";
  if (certain.length > stored.length) return "a message is there that nobody stored";
  return certain.every((text, index) => text === stored[index])
    ? null
    : "the messages are not those stored, or in another order";
}

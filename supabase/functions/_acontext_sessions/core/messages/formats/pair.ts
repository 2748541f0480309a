/**
 * Which result answers which call, where they do not say so: Gemini's calls may have no ids, and OpenAI's old functions
 * have none. Their results have the name of what was called, and come in the order of the calls.
 *
 * @module
 */
import type { Content, Item } from "./content.ts";

/** Gives calls and results the ids and names that they lack. The conversation is in its order. */
export class Pairing {
  /** The ids of calls that had none and whose result has not come yet, by name. */
  readonly #open = new Map<string, string[]>();
  readonly #names = new Map<string, string>();

  /** @param messageId For ids that are the same in every load. */
  pair(content: Content, messageId: string): Content {
    return {
      ...content,
      items: content.items.map((item, index) => this.#completed(item, index, messageId)),
    };
  }

  #completed(item: Item, index: number, messageId: string): Item {
    const made = `call_${messageId.replaceAll("-", "").slice(0, 24)}_${index}`;
    if (item.kind === "call") {
      const id = item.id ?? made;
      if (item.id === undefined) {
        const open = this.#open.get(item.name) ?? [];
        open.push(id);
        this.#open.set(item.name, open);
      }
      this.#names.set(id, item.name);
      return { ...item, id };
    }
    if (item.kind !== "result") return item;
    if (item.id !== undefined) {
      return { ...item, name: item.name ?? this.#names.get(item.id) };
    }
    const id = this.#open.get(item.name ?? "")?.shift() ?? made;
    return { ...item, id };
  }
}

/**
 * Which result answers which call, where they do not say so: Gemini's calls may have no ids, and OpenAI's old functions
 * have none. Their results have the name of what was called, and come in the order of the calls.
 *
 * @module
 */
import type { Content, Item } from "./content.ts";

interface Call {
  id: string;
  name: string;
}

/** Gives calls and results the ids and names that they lack. The conversation is in its order. */
export class Pairing {
  /** Calls without an id, whose result has not come yet. */
  readonly #open: Call[] = [];
  readonly #names = new Map<string, string>();

  /** @param messageId For ids that are the same in every load. */
  pair(content: Content, messageId: string): Content {
    return {
      ...content,
      items: content.items.map((item, index) => this.#with(item, index, messageId)),
    };
  }

  #with(item: Item, index: number, messageId: string): Item {
    const made = `call_${messageId.replaceAll("-", "").slice(0, 24)}_${index}`;
    if (item.kind === "call") {
      const id = item.id ?? made;
      if (item.id === undefined) this.#open.push({ id, name: item.name });
      this.#names.set(id, item.name);
      return { ...item, id };
    }
    if (item.kind !== "result") return item;
    if (item.id !== undefined) {
      return { ...item, name: item.name ?? this.#names.get(item.id) };
    }
    const place = this.#open.findIndex(({ name }) => item.name === undefined || name === item.name);
    const [call] = place < 0 ? [] : this.#open.splice(place, 1);
    return { ...item, id: call?.id ?? made, name: item.name ?? call?.name };
  }
}

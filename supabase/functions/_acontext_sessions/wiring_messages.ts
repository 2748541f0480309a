/**
 * The parts of the one function that stores and loads messages. Apart, so that no other function carries the conversions
 * between their formats.
 *
 * @module
 */
import { createMessages } from "./acontext/messages.ts";
import type { Messages } from "./core/messages/ports.ts";
import type { Log } from "./core/ports.ts";
import type { Env } from "./runtime/env.ts";
import { type Deps, wire } from "./wiring.ts";

/** As `wire`, with the messages of Acontext. */
export function wireMessages(
  name: string,
): { log: Log; deps: () => Deps & { messages: Messages } } {
  const { log, deps, env } = wire(name);
  let messages: Messages | undefined;
  return {
    log,
    deps() {
      const parts = deps();
      messages ??= messagesOf(env());
      return { ...parts, messages };
    },
  };
}

function messagesOf({ acontext, namespace }: Env): Messages {
  return createMessages({ ...acontext, namespace });
}

import { invalid, SessionsError } from "./error.ts";
import { type Context, invoke } from "./functions.ts";
import type { CallOptions } from "./retry.ts";
import type {
  AcontextMessage,
  AnthropicMessage,
  EditStrategy,
  GeminiMessage,
  JsonObject,
  MessagePage as WirePage,
  OpenaiMessage,
  StoredMessage,
  TokenCount,
} from "./wire.ts";

/** The messages of each format, as far as the function checks them. */
export interface MessageFormats {
  openai: OpenaiMessage;
  acontext: AcontextMessage;
  anthropic: AnthropicMessage;
  gemini: GeminiMessage;
}
export type Format = keyof MessageFormats;

export interface StoreOptions<F extends Format> extends CallOptions {
  /** Default `openai`. */
  format?: F;
  /** Kept with the message, up to 60 KiB. */
  meta?: JsonObject;
  /** By the `file_field` of the message's parts; format `acontext` only. */
  files?: Record<string, Blob>;
  /** Default: a new one, so that one call stores once. Pass your own to be able to repeat the call itself. */
  idempotencyKey?: string;
}

export interface LoadOptions extends CallOptions {
  /** 1 to 200 messages; without, everything, cut to fit a model by the default edit strategies. */
  limit?: number | undefined;
  cursor?: string | undefined;
  /** Only this many newest messages; not with `limit` or `cursor`. */
  last?: number;
  /** In which the messages are given out, whatever they came in. Default `openai`. */
  format?: Format;
  /** `[]` switches editing off. */
  editStrategies?: EditStrategy[];
  /**
   * A message up to which alone strategies edit: what a model's provider has cached of the prompt stays the same. Send
   * `editedAtMessageId` of the answer before.
   */
  pinEditingStrategiesAtMessage?: string;
  /** Answer what is left when Acontext cannot read all messages, and say `incomplete`; default false: an error. */
  allowIncomplete?: boolean;
  /** Links to attachments; default true. */
  withAssetPublicUrl?: boolean;
}

/** A page of which you know, or believe, what the messages are. */
export interface MessagePage<Message> extends Omit<WirePage, "messages"> {
  messages: (Omit<WirePage["messages"][number], "message"> & { message: Message })[];
}

export type Messages = ReturnType<typeof createMessages>;

export function createMessages(context: Context) {
  async function load<Message = unknown>(
    id: string,
    { signal, editStrategies, ...query }: LoadOptions = {},
  ): Promise<MessagePage<Message>> {
    const { data } = await invoke<MessagePage<Message>>(context, pathOf(id), {
      method: "GET",
      query: {
        ...query,
        ...(editStrategies && { editStrategies: JSON.stringify(editStrategies) }),
      },
      signal,
    });
    return data;
  }

  return {
    /**
     * Stores a message at the end of the conversation, once, however often it has to be sent.
     *
     * Any type whose `role` fits the format will do, those of the providers' SDKs included; the function checks the
     * rest and names in `details` what is wrong.
     */
    async store<
      F extends Format = "openai",
      Message extends Pick<MessageFormats[F], "role"> = MessageFormats[F],
    >(
      id: string,
      message: Message,
      { format, meta, files, signal, idempotencyKey = crypto.randomUUID() }: StoreOptions<F> = {},
    ): Promise<StoredMessage> {
      const payload = {
        message,
        ...(format === undefined ? {} : { format }),
        ...(meta === undefined ? {} : { meta }),
      };
      try {
        const { data } = await invoke<StoredMessage>(context, pathOf(id), {
          method: "POST",
          headers: { "idempotency-key": idempotencyKey },
          body: files === undefined ? payload : toForm(payload, files),
          signal,
        });
        return data;
      } catch (error) {
        if (error instanceof SessionsError) error.idempotencyKey = idempotencyKey;
        throw error;
      }
    },

    /** The conversation, oldest message first: all of it, a page, or its newest messages. */
    load,

    /** Everything that was said, page by page; edit strategies are off unless given. */
    async *pages<Message = unknown>(
      id: string,
      { limit = 100, editStrategies = [], cursor, ...options }: Omit<LoadOptions, "last"> = {},
    ): AsyncGenerator<MessagePage<Message>, void, void> {
      let next: string | null | undefined = cursor;
      do {
        const page: MessagePage<Message> = await load<Message>(id, {
          ...options,
          limit,
          editStrategies,
          cursor: next,
        });
        yield page;
        next = page.nextCursor ?? undefined;
      } while (next !== undefined);
    },

    /** How many tokens the conversation has. No use of the session: it keeps nothing alive. */
    async tokens(id: string, { signal }: CallOptions = {}): Promise<number> {
      const path = `${pathOf(id)}/token-counts`;
      return (await invoke<TokenCount>(context, path, { method: "GET", signal })).data.totalTokens;
    },
  };
}

function pathOf(id: string): string {
  return `session-messages/${encodeURIComponent(id)}`;
}

function toForm(payload: Record<string, unknown>, files: Record<string, Blob>): FormData {
  const form = new FormData();
  form.set("payload", JSON.stringify(payload));
  for (const [field, file] of Object.entries(files)) {
    if (field === "payload") throw invalid("files", 'must not be called "payload"');
    form.set(field, file);
  }
  return form;
}

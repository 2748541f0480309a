/** Calls of session-messages and session-files, as plain as a client can make them. @module */

import { assertEquals } from "@std/assert/mod.js";
import { z } from "zod";
import type { Json } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";
import type { Answer } from "./functions.ts";
import type { TestUser } from "./users.ts";
import type { World } from "./world.ts";

const time = z.iso.datetime({ offset: true });
const storedSchema = z.strictObject({ id: z.uuid(), createdAt: time });
const pageSchema = z.strictObject({
  messages: z.array(z.strictObject({
    id: z.uuid().nullable(),
    meta: z.record(z.string(), z.json()),
    // Not a schema of JSON, which leaves out a member called __proto__.
    message: z.custom<Json>((value) => value !== undefined),
    attachments: z.array(z.strictObject({
      type: z.string(),
      filename: z.string(),
      contentType: z.string(),
      size: z.int(),
      sha256: z.string(),
    })).optional(),
  })),
  nextCursor: z.string().nullable(),
  hasMore: z.boolean(),
  tokens: z.int().nullable(),
  publicUrls: z.record(z.string(), z.strictObject({ url: z.string(), expiresAt: z.string() })),
  omitted: z.array(z.strictObject({
    messageId: z.string(),
    path: z.string(),
    reason: z.string(),
  })).optional(),
});
const fileSchema = z.strictObject({
  path: z.string(),
  filename: z.string(),
  size: z.int(),
  contentType: z.string(),
  createdAt: time,
  updatedAt: time,
});
const directorySchema = z.strictObject({
  path: z.string(),
  files: z.array(fileSchema),
  directories: z.array(z.string()),
});
const linkSchema = z.strictObject({ url: z.string(), expiresIn: z.int() });

export type Page = z.infer<typeof pageSchema>;
export type FileView = z.infer<typeof fileSchema>;

type Query = Record<string, string | number>;

/** A session of `user` and what can be done in it. */
export function createConversation(world: World, user: TestUser, id: string) {
  const headers = world.bearer(user);
  const search = (query: Query) => new URLSearchParams(Object.entries(query).map(toText));
  const messages = (path: string, init: RequestInit) =>
    world.call("session-messages", `/${id}${path}`, init);
  const files = (path: string, init: RequestInit) =>
    world.call("session-files", `/${id}${path}`, init);

  function storeText(body: string, key?: string): Promise<Answer> {
    return messages("", {
      method: "POST",
      headers: {
        ...headers,
        "content-type": "application/json",
        ...(key === undefined ? {} : { "idempotency-key": key }),
      },
      body,
    });
  }
  const store = (body: unknown, key?: string) => storeText(JSON.stringify(body), key);

  const get = (query: Query = {}) => messages(`?${search(query)}`, { headers });

  function upload(
    content: BlobPart,
    { filename = "a.txt", type = "text/plain", ...fields }: Partial<Record<string, string>> = {},
  ): Promise<Answer> {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.set(name, value ?? "");
    form.set("filename", filename);
    form.set("file", new File([content], "as sent.bin", { type }));
    return files("", { method: "POST", headers, body: form });
  }

  return {
    id,
    store,
    /** A body as it is written. */
    storeText,
    say: (text: string, key?: string) => store({ message: { role: "user", content: text } }, key),
    async said(text: string, key?: string): Promise<string> {
      const answer = await store({ message: { role: "user", content: text } }, key);
      assertEquals(answer.status, 201, JSON.stringify(answer.body));
      return storedSchema.parse(answer.body).id;
    },
    storeForm: (form: FormData, key?: string) =>
      messages("", {
        method: "POST",
        headers: { ...headers, ...(key === undefined ? {} : { "idempotency-key": key }) },
        body: form,
      }),
    get,
    async page(query: Query = {}): Promise<Page> {
      const answer = await get(query);
      assertEquals(answer.status, 200, JSON.stringify(answer.body));
      return pageSchema.parse(answer.body);
    },
    tokens: () => messages("/token-counts", { headers }),

    upload,
    async uploaded(content: BlobPart, fields?: Partial<Record<string, string>>) {
      const answer = await upload(content, fields);
      assertEquals(answer.status === 200 || answer.status === 201, true, JSON.stringify(answer));
      return fileSchema.parse(answer.body);
    },
    uploadForm: (form: FormData) => files("", { method: "POST", headers, body: form }),
    getFiles: (query: Query = {}) => files(`?${search(query)}`, { headers }),
    async list(query: Query = {}) {
      const answer = await files(`?${search(query)}`, { headers });
      assertEquals(answer.status, 200, JSON.stringify(answer.body));
      return directorySchema.parse(answer.body);
    },
    getUrl: (query: Query) => files(`/url?${search(query)}`, { headers }),
    async link(query: Query): Promise<string> {
      const answer = await files(`/url?${search(query)}`, { headers });
      assertEquals(answer.status, 200, JSON.stringify(answer.body));
      return linkSchema.parse(answer.body).url;
    },
    download: (query: Query): Promise<Response> =>
      fetch(`${world.info.apiUrl}/functions/v1/session-files/${id}/content?${search(query)}`, {
        headers,
      }),
    removeFile: (query: Query) => files(`?${search(query)}`, { method: "DELETE", headers }),
  };
}

export type Conversation = ReturnType<typeof createConversation>;

/** A new session of a new user. */
export async function converse(world: World, body?: Record<string, unknown>) {
  const user = await world.newUser();
  const session = await world.created(user, body);
  return { user, session, chat: createConversation(world, user, session.id) };
}

/** The texts of a page in the format `openai`. */
export function textsOf({ messages }: Page): unknown[] {
  return messages.map(({ message }) =>
    typeof message === "object" && message !== null && "content" in message
      ? message["content"]
      : message
  );
}

function toText([name, value]: [string, string | number]): [string, string] {
  return [name, String(value)];
}

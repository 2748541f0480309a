/** Plain `fetch` against Acontext, remembering what was made. @module */

import { z } from "zod";
import { eventually } from "../support/eventually.ts";
import { diskSchema, gotArtifactSchema, loadedSchema, sessionSchema } from "./shapes.ts";

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The parsed body; undefined when it is not JSON. */
  body: unknown;
}

export interface CallOptions {
  query?: Record<string, string | number | boolean>;
  json?: unknown;
  form?: FormData;
  /** Sent as it is. */
  body?: string;
  headers?: Record<string, string>;
  /** The caller hangs up when it is aborted. */
  signal?: AbortSignal;
}

export interface Api {
  baseUrl: string;
  apiKey: string;
  /** Unique to the test: labels begin with it, and configs carry it. */
  mark: string;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Makes a session marked as ours and answers its id. */
  session(fields?: Record<string, unknown>): Promise<string>;
  /** Makes a disk, labelled {@link Api.mark} unless told otherwise, and answers its id. */
  disk(user?: string): Promise<string>;
  /** Stores a user's text message. */
  say(sessionId: string, content: string): Promise<string>;
  /** Stores a file on a disk, at its root unless the name says otherwise. */
  upload(diskId: string, filePath: string, content: BlobPart): Promise<Answer>;
  /** Stores a message with attachments, each named by its place in the list. */
  attach(sessionId: string, contents: BlobPart[]): Promise<string>;
  /** A public link to a file on a disk. */
  fileLink(diskId: string, filePath: string): Promise<string>;
  /** Public links to the attachments of a session, by the hash of their content. */
  attachmentLinks(sessionId: string): Promise<Map<string, string>>;
  /** Makes each step of a delete take a moment, where the server can be told so. A real one takes its own time. */
  slowDown(): void;
  /** Notes something that was made past {@link Api.call}. */
  remember(kind: "session" | "disk", id: string): void;
  /** Removes all that was made: sessions, disks, and last the users. */
  cleanUp(): Promise<void>;
}

const madeSchema = z.object({ data: z.object({ id: z.string() }) });
const sentSchema = z.object({ user: z.string().min(1) });

export function createApi({ baseUrl, apiKey }: { baseUrl: string; apiKey: string }): Api {
  const mark = `contract-${crypto.randomUUID()}`;
  const made = { session: new Set<string>(), disk: new Set<string>(), user: new Set<string>() };

  async function call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const { query = {}, json, form, body, headers = {}, signal } = options;
    const url = new URL(`${baseUrl}${path}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    const sent = form ?? (json === undefined ? body : JSON.stringify(json));
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(json === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(sent === undefined ? {} : { body: sent }),
      ...(signal === undefined ? {} : { signal }),
    });
    const text = await response.text();
    const answer = { status: response.status, headers: response.headers, text, body: parse(text) };
    note(`${method} ${path}`, json, answer);
    return answer;
  }

  function note(route: string, json: unknown, { body }: Answer): void {
    const kind = route === "POST /session" ? "session" : route === "POST /disk" ? "disk" : null;
    if (kind === null) return;
    const answered = madeSchema.safeParse(body);
    if (answered.success) made[kind].add(answered.data.data.id);
    const sent = sentSchema.safeParse(json);
    if (sent.success) made.user.add(sent.data.user);
  }

  return {
    baseUrl,
    apiKey,
    mark,
    call,
    async session(fields = {}) {
      const json = { configs: { contract: mark }, ...fields };
      return dataOf(await call("POST", "/session", { json }), sessionSchema).id;
    },
    async disk(user = mark) {
      return dataOf(await call("POST", "/disk", { json: { user } }), diskSchema).id;
    },
    async say(sessionId, content) {
      const json = { blob: { role: "user", content } };
      const answer = await call("POST", `/session/${sessionId}/messages`, { json });
      return dataOf(answer, z.object({ id: z.string() })).id;
    },
    upload(diskId, filePath, content) {
      const [path, name] = splitPath(filePath);
      const form = new FormData();
      form.set("file_path", path);
      form.set("file", new File([content], name));
      return call("POST", `/disk/${diskId}/artifact`, { form });
    },
    async attach(sessionId, contents) {
      const form = new FormData();
      const parts = contents.map((_, n) => ({ type: "file", file_field: `f${n}` }));
      const blob = { role: "user", parts };
      form.set("payload", JSON.stringify({ format: "acontext", blob }));
      for (const [n, content] of contents.entries()) {
        form.set(`f${n}`, new File([content], `${n}.bin`));
      }
      const answer = await call("POST", `/session/${sessionId}/messages`, { form });
      return dataOf(answer, z.object({ id: z.string() })).id;
    },
    async fileLink(diskId, filePath) {
      const query = { file_path: filePath };
      const answer = await call("GET", `/disk/${diskId}/artifact`, { query });
      return dataOf(answer, gotArtifactSchema).public_url ?? "";
    },
    async attachmentLinks(sessionId) {
      const query = { format: "acontext" };
      const answer = await call("GET", `/session/${sessionId}/messages`, { query });
      const links = dataOf(answer, loadedSchema).public_urls ?? {};
      return new Map(Object.entries(links).map(([sha256, { url }]) => [sha256, url]));
    },
    slowDown() {},
    remember: (kind, id) => void made[kind].add(id),
    async cleanUp() {
      const paths = [
        ...[...made.session].map((id) => `/session/${id}`),
        ...[...made.disk].map((id) => `/disk/${id}`),
        ...[...made.user].map((user) => `/user/${encodeURIComponent(user)}`),
      ];
      for (const path of paths) {
        // What was written a moment ago is not counted yet, and its delete may answer 500.
        await eventually(
          `DELETE ${path}`,
          () => call("DELETE", path).then(({ status }) => status === 200 || status === 404),
        );
      }
    },
  };
}

function splitPath(path: string): [string, string] {
  const end = path.lastIndexOf("/") + 1;
  return [path.slice(0, end), path.slice(end)];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The `data` of a successful answer. @throws when it is a failure or has another shape. */
export function dataOf<T>(answer: Answer, schema: z.ZodType<T>): T {
  if (answer.status >= 300) throw new Error(`Cannot read data: ${answer.status} ${answer.text}`);
  return z.object({ code: z.literal(0), msg: z.literal(""), data: schema }).parse(answer.body).data;
}

/** HTTP status and the `code` in the envelope: they can differ. */
export function codesOf(answer: Answer): [number, unknown] {
  const envelope = z.object({ code: z.number(), msg: z.string() }).safeParse(answer.body);
  return [answer.status, envelope.success ? envelope.data.code : undefined];
}

export function messageOf({ body }: Answer): string {
  return z.object({ msg: z.string() }).parse(body).msg;
}

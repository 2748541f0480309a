/**
 * An Acontext that can only delete, and say that a disk has no files and how fast it is; and costs next to nothing:
 * sessions and disks are ids in memory. The stand-in of the tests needs several times the CPU of a worker, and would be
 * what a drain at full speed measures.
 *
 * It has as much of the stand-in's control interface as tests/integration/support needs of it.
 *
 * The line that starts it is the key that it is to ask for; it answers its port.
 *
 * @module
 */

import { z } from "zod";
import { markedInputSchema } from "../../../local/acontext/control.ts";
import { faultRuleSchema } from "../../../local/acontext/fault_rules.ts";
import { LOOPBACK } from "../../../local/ports.ts";
import { answerLines } from "../../support/line_process.ts";

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };
const DELETED = JSON.stringify({ code: 0, msg: "" });
const MISSING = JSON.stringify({ code: 404, msg: "not found" });
const NO_SESSIONS = JSON.stringify({ code: 0, msg: "", data: { items: [], has_more: false } });
const NO_FILES = JSON.stringify({ code: 0, msg: "", data: { artifacts: [], directories: [] } });
const UNAUTHORIZED = JSON.stringify({ code: 401, msg: "Unauthorized" });
const API = "/api/v1/";
const PATH = /^\/(session|disk)\/([0-9a-f-]{36})$/;

const owned = { session: new Map<string, string>(), disk: new Map<string, string>() };
const underWay = new Set<string>();
let overlapping = 0;
let delayMs = 0;

async function remove(kind: "session" | "disk", id: string): Promise<Response> {
  if (underWay.has(id)) overlapping += 1;
  underWay.add(id);
  await delay();
  underWay.delete(id);
  return owned[kind].delete(id) ? json(DELETED) : json(MISSING, 404);
}

async function answer(method: string, path: string): Promise<Response> {
  const [, kind, id] = PATH.exec(path) ?? [];
  if (method === "DELETE" && (kind === "session" || kind === "disk") && id !== undefined) {
    return await remove(kind, id);
  }
  await delay();
  if (method === "GET" && path === "/session") return json(NO_SESSIONS);
  return method === "GET" && path.endsWith("/artifact/ls") ? json(NO_FILES) : json(MISSING, 404);
}

async function delay(): Promise<void> {
  if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
}

function json(body: string, status = 200): Response {
  return new Response(body, { status, headers: JSON_TYPE });
}

/** Of all faults, only a delay of all calls is known here. */
const delaySchema = z.tuple([
  faultRuleSchema.extend({
    route: z.literal("*"),
    fault: z.object({ kind: z.literal("delay"), ms: z.number() }),
  }),
]);

const CONTROL: Record<string, (body: unknown) => unknown> = {
  "GET /audit": () => ({
    sessions: [...owned.session].map(([id, namespace]) => ({
      id,
      namespace,
      sessionId: id,
      messages: 0,
    })),
    disks: [...owned.disk].map(([id, label]) => ({ id, label, skill: false, artifacts: 0 })),
    users: [],
    objects: 0,
    overlappingDeletes: overlapping,
    calls: {},
  }),
  "PUT /faults"(body) {
    delayMs = delaySchema.parse(body)[0].fault.ms;
    return [];
  },
  "DELETE /faults"() {
    delayMs = 0;
    return [];
  },
  "POST /reset"() {
    owned.session.clear();
    owned.disk.clear();
    overlapping = 0;
    delayMs = 0;
    return {};
  },
  "PUT /version": () => ({}),
  "POST /sessions"(body) {
    const { namespace, sessions } = markedInputSchema.parse(body);
    for (const { id, diskId } of sessions) {
      owned.session.set(id, namespace);
      owned.disk.set(diskId, `${namespace}:${id}`);
    }
    return {};
  },
};

async function control(request: Request, path: string): Promise<Response> {
  const text = await request.text();
  const act = CONTROL[`${request.method} ${path}`];
  if (act === undefined) return new Response(null, { status: 404 });
  return Response.json(act(text === "" ? undefined : JSON.parse(text)));
}

function serve(key: string): number {
  const authorization = `Bearer ${key}`;
  const server = Deno.serve({ hostname: LOOPBACK, port: 0, onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith(API)) {
      return request.headers.get("authorization") === authorization
        ? answer(request.method, pathname.slice(API.length - 1))
        : json(UNAUTHORIZED, 401);
    }
    return control(request, pathname.replace("/_control", ""));
  });
  return server.addr.port;
}

await answerLines((question) => Promise.resolve(serve(z.string().parse(question))));
// The server would keep it alive.
Deno.exit(0);

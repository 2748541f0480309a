/**
 * A stand-in for the Acontext server: the same wire format and the same quirks, with state, and with faults on demand.
 *
 * There are no sockets in here. A dropped connection is a `fetch` that rejects; `http_server.ts` turns that into a real
 * one.
 *
 * @module
 */

import { pageNotFound, unauthorized } from "./answer.ts";
import { createConnections } from "./connections.ts";
import type { Control } from "./control.ts";
import { answerControl, CONTROL_PREFIX } from "./control_api.ts";
import { createControl } from "./control_state.ts";
import { openDatabase } from "./database.ts";
import { createDeletionLog } from "./deletion_log.ts";
import { applyFault, dropped } from "./fault_effects.ts";
import { createFaultPlan, createSeededRandom, type FaultPlan } from "./fault_rules.ts";
import { abilitiesOf, type StandInOptions } from "./options.ts";
import { createRouter, type Match } from "./router.ts";
import { ROUTES } from "./routes/table.ts";
import type { Call, State } from "./state.ts";
import { createArtifactStore } from "./store/artifacts.ts";
import { createDiskStore } from "./store/disks.ts";
import { createMessageStore } from "./store/messages.ts";
import { createObjectStore } from "./store/objects.ts";
import { createProjectStore } from "./store/projects.ts";
import { createReferenceStore } from "./store/references.ts";
import { createSessionStore } from "./store/sessions.ts";
import { createUserStore } from "./store/users.ts";
import { createTimers } from "./timers.ts";
import { createMicroClock } from "./timestamps.ts";

export interface AcontextStandIn {
  /** @throws TypeError when the connection is dropped, or the reason of the request's signal when that fires. */
  fetch(request: Request): Promise<Response>;
  control: Control;
  /** Called when the fault plan has been replaced. */
  onFaultsChange(listener: () => void): void;
  close(): void;
}

/** What the routes delete on which two requests for one id must never meet. */
const DELETED: Record<string, string> = {
  "DELETE /session/:id": "session",
  "DELETE /disk/:id": "disk",
};

const CONNECTIONS = 100;
const BEARER = "Bearer ";

function wallClock(): number {
  return performance.timeOrigin + performance.now();
}

export function createAcontextStandIn(options: StandInOptions): AcontextStandIn {
  const timers = createTimers();
  const { now = wallClock, uuid = () => crypto.randomUUID(), sleep = timers.sleep } = options;
  const database = openDatabase(options.stateFile);
  const micros = createMicroClock(now);
  let abilities = abilitiesOf(options.version ?? "new");
  let closed = false;
  const state: State = {
    database,
    projects: createProjectStore(database, uuid),
    users: createUserStore(database, { uuid, micros }),
    sessions: createSessionStore(database),
    messages: createMessageStore(database),
    disks: createDiskStore(database),
    artifacts: createArtifactStore(database),
    objects: createObjectStore(database, uuid),
    references: createReferenceStore(database, now),
    storage: { down: false, latencyMs: 0 },
    deletions: createDeletionLog(),
    connections: createConnections(options.connections ?? CONNECTIONS),
    abilities: () => abilities,
    uuid,
    now,
    micros,
    async sleep(ms) {
      await sleep(ms);
      if (closed) throw dropped();
    },
  };
  const plan = createFaultPlan(options.random ?? createSeededRandom(1));
  const faults: FaultPlan = {
    ...plan,
    set(rules) {
      plan.set(rules);
      for (const listener of listeners) listener();
    },
  };
  const listeners: (() => void)[] = [];
  const calls = new Map<string, number>();
  const route = createRouter(ROUTES);
  const control = createControl({
    state,
    faults,
    calls,
    projectId: state.projects.ensure(options.apiKey),
    setVersion(version) {
      abilities = abilitiesOf(version);
    },
  });

  async function handle(
    request: Request,
    url: URL,
    match: Match,
    diesAfter?: number,
  ): Promise<Response> {
    // Keys are in the database, too.
    const connection = state.connections.moment(request.signal);
    if (connection !== null) await connection;
    const authorization = request.headers.get("authorization") ?? "";
    const key = authorization.startsWith(BEARER) ? authorization.slice(BEARER.length) : "";
    const projectId = state.projects.byKey(key);
    if (projectId === null && match.route.public === undefined) return unauthorized();
    const call: Call = {
      request,
      url,
      param: match.param,
      projectId: projectId ?? "",
      ...(diesAfter !== undefined && { diesAfter }),
    };
    try {
      return await match.route.handle(call, state);
    } catch (error) {
      // A row went away between looking and writing, as it does in the real server's database.
      if (isConstraintError(error)) return match.route.outage();
      throw error;
    }
  }

  async function answer(request: Request): Promise<Response> {
    if (closed) throw dropped();
    const url = new URL(request.url);
    if (url.pathname.startsWith(CONTROL_PREFIX)) return await answerControl(request, control);
    const match = route(request.method, url.pathname);
    if (match === null) return pageNotFound();
    const { name, outage } = match.route;
    calls.set(name, (calls.get(name) ?? 0) + 1);
    const fault = faults.pick(name, url.pathname + url.search);
    const work = () => handle(request, url, match);
    if (fault === null) return await work();
    return await applyFault(fault, {
      handle: work,
      // Somebody on the way has the request, whatever becomes of its caller.
      handleAlone: () => handle(new Request(request, { signal: null }), url, match),
      handleUntil: (steps) => handle(request, url, match, steps),
      async handleLate(ms) {
        const late = () => state.sleep(ms).then(work);
        const kind = DELETED[name];
        if (kind === undefined) return await late();
        // A slow delete is under way while it is slow, too.
        return await state.deletions.during(`${kind} ${match.param.toLowerCase()}`, request, late);
      },
      outage,
      sleep: state.sleep,
      background: (work) => void work.catch(() => {}),
    });
  }

  return {
    fetch: (request) => untilAborted(request.signal, answer(request)),
    control,
    onFaultsChange: (listener) => void listeners.push(listener),
    close() {
      if (closed) return;
      closed = true;
      timers.wakeAll();
      state.connections.close();
      database.close();
    },
  };
}

function isConstraintError(error: unknown): boolean {
  return error instanceof Error && error.message.includes("constraint failed");
}

/** Like a real `fetch`, gives up when the signal fires. What becomes of the work is the handler's matter. */
function untilAborted(signal: AbortSignal, answer: Promise<Response>): Promise<Response> {
  if (signal.aborted) {
    answer.catch(() => {});
    return Promise.reject(signal.reason);
  }
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

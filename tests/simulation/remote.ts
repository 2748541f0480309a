/**
 * The Acontext stand-in on virtual time, the network in front of it, and the truth about what it holds.
 *
 * @module
 */

import type { FaultRule } from "../../local/acontext/fault_rules.ts";
import type { Content } from "../../local/acontext/control.ts";
import { type AcontextStandIn, createAcontextStandIn } from "../../local/acontext/standin.ts";
import type { Version } from "../../local/acontext/options.ts";
import { isEnvelope } from "../../supabase/functions/_acontext_sessions/acontext/schemas.ts";
import type { Process, Trip } from "./process.ts";
import type { Random } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";
import { drawLatency, drawRemoteLatency, drawWeather, type Weather } from "./weather.ts";

export const TIMEOUT_MS = 10_000;
/** Of a delete, at least. */
export const DELETE_TIMEOUT_MS = 120_000;
const LATEST_EFFECT_MS = 560_000;
const COPY = /^\/session\/([0-9a-f-]{36})\/copy$/;
const KEY = "sk-ac-simulation";
const BASE_URL = "http://acontext.test/api/v1";

/** A request of one of our processes. */
export interface RemoteRequest {
  process: Process;
  method: string;
  /** Below the API's base, with the query. */
  path: string;
  sentAt: number;
  arrivedAt: number | null;
  /** Answered, or given up. */
  settledAt: number | null;
  /** The status that the process saw; null when it saw none. */
  status: number | null;
  /** What it made, in order. */
  made: Resource[];
}

export interface Resource {
  kind: "session" | "disk";
  id: string;
  /** The session that it was made for; null when it is not ours. */
  origin: string | null;
  /** The session of which an app made this copy. */
  copyOf: string | null;
  /** It carries the mark of its origin. */
  marked: boolean;
  createdAt: number;
  /** Null for what was there before the run. */
  request: RemoteRequest | null;
  /** How often a resource of this id has been made. */
  incarnation: number;
}

export interface RemoteEvents {
  sent(request: RemoteRequest): void;
  arrived(request: RemoteRequest): void;
  handled(request: RemoteRequest): void;
  created(resource: Resource): void;
  vanished(resource: Resource, request: RemoteRequest | null): void;
}

export class Remote {
  readonly live = new Map<string, Resource>();
  weather: Weather;
  /** Faults of the network; the stand-in counts its own. */
  #networkFaults = 0;
  #pastFaults = 0;
  /** The request whose work goes on in this step. */
  #current: RemoteRequest | null = null;
  #touched = false;
  #server: Random;
  readonly #adopted = new Map<string, string>();
  readonly #incarnations = new Map<string, number>();
  readonly #standIn: AcontextStandIn;

  constructor(
    readonly options: {
      scheduler: Scheduler;
      random: Random;
      /** Milliseconds since 1970 at virtual time zero. */
      epoch: number;
      version: Version;
      namespace: string;
      events: RemoteEvents;
      trace: (line: string) => void;
    },
  ) {
    const { random, scheduler, epoch, version } = options;
    this.weather = drawWeather("calm", random);
    this.#server = random;
    this.#standIn = createAcontextStandIn({
      stateFile: ":memory:",
      apiKey: KEY,
      version,
      now: () => epoch + scheduler.now,
      uuid: () => random.uuid(),
      random: () => this.#server.next(),
      sleep: (ms) => this.#sleep(ms),
    });
  }

  get faults(): number {
    const fired = this.#standIn.control.faults().reduce((sum, rule) => sum + rule.fired, 0);
    return this.#networkFaults + this.#pastFaults + fired;
  }

  setWeather(weather: Weather): void {
    this.weather = weather;
    this.#setRules(weather.rules);
  }

  /** Until the weather changes. */
  addRule(rule: FaultRule): void {
    const left = this.#standIn.control.faults()
      .filter(({ times, fired }) => times === undefined || fired < times)
      .map(({ fired: _fired, ...other }) => other);
    this.#setRules([rule, ...left]);
  }

  #setRules(rules: FaultRule[]): void {
    this.#pastFaults = this.faults - this.#networkFaults;
    this.#standIn.control.setFaults(rules);
  }

  get adapterOptions() {
    return { apiKey: KEY, baseUrl: BASE_URL, namespace: this.options.namespace };
  }

  /** Makes something without any process of ours, at once; `origin` says that it is ours all the same. */
  async plant(path: string, body: unknown, origin?: string): Promise<string> {
    const response = await this.#standIn.fetch(
      await toRequest(`${BASE_URL}${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    );
    const content: unknown = await response.json();
    this.#touched = true;
    if (
      isEnvelope(content) && typeof content.data === "object" && content.data !== null &&
      "id" in content.data && typeof content.data.id === "string"
    ) {
      if (origin !== undefined) this.#adopted.set(content.data.id, origin);
      return content.data.id;
    }
    throw new Error(`Cannot plant "${path}": ${response.status}`);
  }

  /** An app copies a session, past this project. */
  async copy(process: Process, sessionId: string): Promise<number> {
    const { status } = await this.fetchOf(process)(`${BASE_URL}/session/${sessionId}/copy`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}` },
    });
    return status;
  }

  plantSkill(user?: string): string {
    this.#touched = true;
    return this.#standIn.control.createSkill(user === undefined ? {} : { user }).diskId;
  }

  /** As the adapter of `process` sees the network. */
  fetchOf(process: Process): (url: string, init: RequestInit) => Promise<Response> {
    return (url, init) => {
      const request: RemoteRequest = {
        process,
        method: init.method ?? "GET",
        path: url.slice(BASE_URL.length),
        sentAt: this.options.scheduler.now,
        arrivedAt: null,
        settledAt: null,
        status: null,
        made: [],
      };
      this.options.events.sent(request);
      const gone = new AbortController();
      return new Promise((resolve, reject) => {
        // A delete that is given up is broken off at the server.
        const giveUp = () => {
          if (request.settledAt !== null) return;
          if (request.method === "DELETE") gone.abort();
          this.#settle(request, null, () => reject(new TypeError("timeout")));
        };
        if (hasTimeOfItsOwn(request)) init.signal?.addEventListener("abort", giveUp);
        else this.options.scheduler.after(TIMEOUT_MS, giveUp, process);
        this.#send(request, () => toRequest(url, init, gone.signal), {
          answer: (response) => this.#settle(request, response.status, () => resolve(response)),
          fail: (why) => this.#settle(request, null, () => reject(new TypeError(why))),
        });
      });
    };
  }

  /** Compares what is there with what was; to be called after each step. */
  look(): void {
    if (!this.#touched) return;
    this.#touched = false;
    const { sessions, disks } = this.#standIn.control.audit();
    const present = new Set<string>();
    for (const { id, namespace, sessionId } of sessions) {
      present.add(id);
      this.#see("session", id, namespace === this.options.namespace ? sessionId : null);
    }
    const prefix = `${this.options.namespace}:`;
    for (const { id, label, skill } of disks) {
      present.add(id);
      const ours = !skill && label !== null && label.startsWith(prefix);
      this.#see("disk", id, ours ? label.slice(prefix.length) : null);
    }
    for (const [id, resource] of this.live) {
      if (present.has(id)) continue;
      this.live.delete(id);
      this.options.events.vanished(resource, this.#current);
    }
    this.#current = null;
  }

  /** What the object storage holds, leaks and lacks. */
  content(): Content {
    return this.#standIn.control.content();
  }

  close(): void {
    this.#standIn.close();
  }

  #see(kind: Resource["kind"], id: string, marked: string | null): void {
    if (this.live.has(id)) return;
    const request = this.#current;
    const origin = request?.process.sessionId ?? this.#adopted.get(id) ?? marked;
    const incarnation = (this.#incarnations.get(id) ?? 0) + 1;
    this.#incarnations.set(id, incarnation);
    const resource: Resource = {
      kind,
      id,
      origin,
      copyOf: kind === "session" ? COPY.exec(request?.path ?? "")?.[1] ?? null : null,
      marked: origin !== null && marked === origin,
      createdAt: this.options.scheduler.now,
      request,
      incarnation,
    };
    request?.made.push(resource);
    this.live.set(id, resource);
    this.options.events.created(resource);
  }

  #send(
    request: RemoteRequest,
    http: () => Promise<Request>,
    caller: { answer(response: Response): void; fail(why: string): void },
  ): void {
    const { scheduler } = this.options;
    const { process } = request;
    const latency = drawRemoteLatency(process.random, this.weather);
    if (latency >= 1_000) this.#mishap(request, "slow");
    const trip: Trip = { to: "acontext", lost: false };
    process.trips.add(trip);
    scheduler.after(latency, async () => {
      process.trips.delete(trip);
      if (trip.lost) return;
      const whole = await http();
      request.arrivedAt = scheduler.now;
      const fired = this.faults;
      this.#enter(request);
      this.options.events.arrived(request);
      const answer = this.#standIn.fetch(whole);
      if (this.faults > fired) process.mishaps.push(`${request.method} ${this.weather.name}`);
      const back = (act: () => void) => {
        this.options.events.handled(request);
        scheduler.after(drawLatency(process.random), act, process);
      };
      answer.then(readWhole).then(
        (response) => back(() => caller.answer(response)),
        () => back(() => caller.fail("dropped")),
      );
    });
  }

  #mishap(request: RemoteRequest, what: string): void {
    this.#networkFaults += 1;
    request.process.mishaps.push(`${request.method} ${what}`);
  }

  #settle(request: RemoteRequest, status: number | null, goOn: () => void): void {
    if (request.settledAt !== null) return;
    request.settledAt = this.options.scheduler.now;
    request.status = status;
    this.options.trace(
      `${request.process.name}: ${request.method} ${decodeURIComponent(request.path)} → ${
        status ?? "no answer"
      }`,
    );
    goOn();
  }

  /** The stand-in's waits: work at the server takes its time, and is nobody's to stop. */
  #sleep(ms: number): Promise<void> {
    const request = this.#current;
    return new Promise((resolve) => {
      this.options.scheduler.after(request === null ? ms : this.#workTime(request, ms), () => {
        if (request !== null) this.#enter(request);
        resolve();
      });
    });
  }

  /** No request takes effect later than a few minutes after it was sent. */
  #workTime(request: RemoteRequest, ms: number): number {
    const wanted = ms > 0 ? ms : drawRemoteLatency(request.process.random, this.weather);
    const left = request.sentAt + LATEST_EFFECT_MS - this.options.scheduler.now;
    return Math.max(1, Math.min(wanted, left));
  }

  #enter(request: RemoteRequest): void {
    this.#current = request;
    this.#server = request.process.random;
    this.#touched = true;
  }
}

/** Whether the caller's signal, which follows virtual time for these alone, says how long to wait. */
function hasTimeOfItsOwn({ method, path }: RemoteRequest): boolean {
  return method === "DELETE" && !path.includes("/artifact?");
}

/**
 * The same request with a body that is there as a whole, since a stream is read in real time. It is given up by the
 * caller's virtual time, never by the signal.
 */
async function toRequest(
  url: string,
  { method, headers, body }: RequestInit,
  signal?: AbortSignal,
): Promise<Request> {
  const whole = body === undefined || body === null ? null : await new Response(body).bytes();
  return new Request(url, {
    ...(method !== undefined && { method }),
    ...(headers !== undefined && { headers }),
    ...(whole !== null && { body: whole }),
    ...(signal !== undefined && { signal }),
  });
}

async function readWhole(response: Response): Promise<Response> {
  const text = await response.text();
  return new Response(text, { status: response.status, headers: response.headers });
}

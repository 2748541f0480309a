import type {
  Clock,
  Outcome,
  Randomness,
} from "../../../supabase/functions/_acontext_sessions/core/ports.ts";
import type {
  DiskListing,
  RemoteResources,
} from "../../../supabase/functions/_acontext_sessions/core/resources.ts";

export type Call =
  | "probe"
  | "createSession"
  | "createDisk"
  | "deleteSession"
  | "deleteDisk"
  | "findFiles"
  | "deleteFile"
  | "findSessions"
  | "findDisks";

/**
 * What goes wrong with a call: `answer` has no effect and this answer; `lost` takes effect and is never answered;
 * `late` is not answered and takes effect `ms` after the call was given up; `slow` takes so much longer.
 */
export type Mishap =
  | { kind: "answer"; outcome: Outcome<never> }
  | { kind: "lost" }
  | { kind: "late"; ms: number }
  | { kind: "slow"; ms: number };

export interface Fault {
  calls: Call[];
  /** The call's id; any when missing. */
  id?: string;
  /** How often; always when missing. */
  times?: number;
  mishap: Mishap;
}

export interface FakeAcontextOptions {
  clock: Clock;
  random: Randomness;
  /** From a call to its answer; the effect is half-way. */
  latencyMs?: number;
  /** False: a server that chooses session ids itself. */
  useUuid?: boolean;
  /** False: a server that knows no owners of disks. */
  labels?: boolean;
}

export const HTTP_500: Outcome<never> = { kind: "unknown", detail: "http_500" };
const TIMEOUT: Outcome<never> = { kind: "unknown", detail: "timeout" };

/**
 * Acontext as the port shows it, with state and with the real server's quirks: a missing id is 404, so is any delete
 * while its database is down, each call makes another disk, old servers ignore `use_uuid` and labels.
 */
export class FakeAcontext implements RemoteResources {
  readonly timeoutMs = 10_000;
  /** Remote id to the session id in its mark; null: not ours. */
  readonly sessions = new Map<string, string | null>();
  /** Remote id to the session id in its label; null: none. */
  readonly disks = new Map<string, string | null>();
  /** Paths by the remote id of their disk. */
  readonly files = new Map<string, Set<string>>();
  faults: Fault[] = [];
  outage: "database" | "network" | null = null;
  calls: Record<Call, number> = {
    probe: 0,
    createSession: 0,
    createDisk: 0,
    deleteSession: 0,
    deleteDisk: 0,
    findFiles: 0,
    deleteFile: 0,
    findSessions: 0,
    findDisks: 0,
  };
  maxDeletesUnderWay = 0;
  overlappingDeletes = 0;
  /** When each delete began and took effect, on the fake clock. */
  readonly deletedAt = new Map<string, number>();
  readonly deleteStarts: number[] = [];
  /** How long each delete was given. */
  readonly deleteLimits = new Map<string, number>();
  #deletes = 0;
  #deletesUnderWay = new Map<string, number>();
  readonly #clock: Clock;
  readonly #random: Randomness;
  readonly #latencyMs: number;
  readonly #useUuid: boolean;
  readonly #labels: boolean;

  constructor(options: FakeAcontextOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#latencyMs = options.latencyMs ?? 0;
    this.#useUuid = options.useUuid ?? true;
    this.#labels = options.labels ?? true;
  }

  probe(): Promise<Outcome<null>> {
    return this.#call("probe", "", HTTP_500, () => done(null));
  }

  createSession(sessionId: string): Promise<Outcome<{ id: string }>> {
    return this.#call("createSession", sessionId, HTTP_500, (): Outcome<{ id: string }> => {
      const mark = this.sessions.get(sessionId);
      if (this.#useUuid && mark !== undefined && mark !== sessionId) {
        return { kind: "rejected", status: 409, detail: "foreign_session" };
      }
      const id = this.#useUuid ? sessionId : this.#random.uuid();
      this.sessions.set(id, sessionId);
      return done({ id });
    });
  }

  createDisk(sessionId: string): Promise<Outcome<{ id: string; labelled: boolean }>> {
    return this.#call("createDisk", sessionId, HTTP_500, () => {
      const id = this.#random.uuid();
      this.disks.set(id, this.#labels ? sessionId : null);
      return done({ id, labelled: this.#labels });
    });
  }

  deleteSession(remoteId: string, limitMs: number): Promise<Outcome<null>> {
    return this.#delete("deleteSession", this.sessions, { remoteId, limitMs });
  }

  deleteDisk(remoteId: string, limitMs: number): Promise<Outcome<null>> {
    return this.#delete("deleteDisk", this.disks, { remoteId, limitMs });
  }

  /** Takes no time: beside a delete it is nothing. */
  findFiles(remoteDiskId: string): Promise<Outcome<string[]>> {
    return this.#call(
      "findFiles",
      remoteDiskId,
      { kind: "absent" },
      () =>
        this.disks.has(remoteDiskId)
          ? done([...this.files.get(remoteDiskId) ?? []])
          : { kind: "absent" },
      { latencyMs: 0 },
    );
  }

  deleteFile(remoteDiskId: string, path: string, limitMs: number): Promise<Outcome<null>> {
    const forbidden = { kind: "rejected", status: 403, detail: "http_403" } as const;
    return this.#call(
      "deleteFile",
      remoteDiskId,
      forbidden,
      (): Outcome<null> => this.files.get(remoteDiskId)?.delete(path) ? done(null) : HTTP_500,
      { limitMs },
    );
  }

  findSessions(sessionId: string): Promise<Outcome<{ ids: string[] }>> {
    return this.#call("findSessions", sessionId, HTTP_500, () => {
      const marked = [...this.sessions].filter(([, mark]) => mark === sessionId);
      return done({ ids: marked.map(([id]) => id) });
    });
  }

  findDisks(sessionId: string): Promise<Outcome<DiskListing>> {
    return this.#call("findDisks", sessionId, HTTP_500, () => {
      const seen = [...this.disks].filter(([, label]) => !this.#labels || label === sessionId);
      return done({
        ids: seen.map(([id]) => id),
        // As for the adapter: an empty list needs no label to be believed.
        filtered: this.#labels || seen.length === 0,
      });
    });
  }

  async #delete(
    name: Call,
    resources: Map<string, string | null>,
    { remoteId: id, limitMs }: { remoteId: string; limitMs: number },
  ): Promise<Outcome<null>> {
    this.deleteLimits.set(id, limitMs);
    this.maxDeletesUnderWay = Math.max(this.maxDeletesUnderWay, ++this.#deletes);
    const underWay = this.#deletesUnderWay.get(id) ?? 0;
    if (underWay > 0) this.overlappingDeletes++;
    this.#deletesUnderWay.set(id, underWay + 1);
    this.deleteStarts.push(this.#clock.now());
    try {
      return await this.#call(name, id, { kind: "absent" }, (): Outcome<null> => {
        if (!resources.delete(id)) return { kind: "absent" };
        this.deletedAt.set(id, this.#clock.now());
        return done(null);
      }, { limitMs });
    } finally {
      this.#deletes -= 1;
      this.#deletesUnderWay.set(id, (this.#deletesUnderWay.get(id) ?? 1) - 1);
    }
  }

  async #call<Value>(
    name: Call,
    id: string,
    whenDown: Outcome<never>,
    effect: () => Outcome<Value>,
    { limitMs, latencyMs = this.#latencyMs }: { limitMs?: number; latencyMs?: number } = {},
  ): Promise<Outcome<Value>> {
    if (++this.calls[name] > 20_000) throw new Error(`Cannot call "${name}": a hot loop`);
    const mishap = this.#mishap(name, id);
    const givenUpMs = limitMs ?? this.timeoutMs;
    if (mishap?.kind === "late") {
      void this.#clock.sleep(givenUpMs + mishap.ms).then(effect);
      await this.#clock.sleep(givenUpMs);
      return TIMEOUT;
    }
    const takesMs = latencyMs / 2 + (mishap?.kind === "slow" ? mishap.ms : 0);
    if (limitMs !== undefined && takesMs > limitMs) {
      // Given up, and broken off for it.
      await this.#clock.sleep(limitMs);
      return TIMEOUT;
    }
    await this.#wait(takesMs);
    const outcome = this.outage === "network"
      ? { kind: "unavailable" as const, detail: "refused" }
      : mishap?.kind === "answer"
      ? mishap.outcome
      : this.outage === "database"
      ? whenDown
      : effect();
    await this.#wait(latencyMs / 2);
    if (mishap?.kind !== "lost") return outcome;
    await this.#clock.sleep(givenUpMs - latencyMs);
    return TIMEOUT;
  }

  async #wait(ms: number): Promise<void> {
    if (ms > 0) await this.#clock.sleep(ms);
  }

  #mishap(name: Call, id: string): Mishap | null {
    const fault = this.faults.find((fault) =>
      fault.calls.includes(name) && (fault.id === undefined || fault.id === id) &&
      fault.times !== 0
    );
    if (fault === undefined) return null;
    if (fault.times !== undefined) fault.times--;
    return fault.mishap;
  }
}

function done<Value>(value: Value): Outcome<Value> {
  return { kind: "done", value };
}

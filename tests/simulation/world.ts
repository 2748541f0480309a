/**
 * One run's world: time, the database, Acontext and the processes between them.
 *
 * @module
 */

import type { Version } from "../../local/acontext/options.ts";
import type { Check } from "./checks/check.ts";
import { createChecks } from "./checks/all.ts";
import type { Database, Done, Moment, Result, Work } from "./database.ts";
import { Process, type ProcessKind } from "./process.ts";
import { Random } from "./random.ts";
import { Remote, type Resource } from "./remote.ts";
import { Scheduler } from "./scheduler.ts";
import type { Snapshot } from "./snapshot.ts";
import type { System } from "./system.ts";
import { Trace } from "./trace.ts";
import type { Violation, ViolationKind } from "./violation.ts";

export const NAMESPACE = "simulation";
/** No run comes near so many steps. */
const ENDLESS = 20_000;
/** Virtual time zero. */
export const EPOCH = Date.UTC(2027, 0, 4);

/** One transaction, as the checks see it. */
export interface Transaction {
  /** A public function, or what an operator or owner did by SQL. */
  name: string;
  args: Record<string, unknown>;
  process: Process | null;
  result: Result;
  /** What had ended before it began; others may have ended since. */
  seen: Snapshot;
}

export interface WorldOptions {
  seed: number;
  version: Version;
  database: Database;
  system: System;
  trace: boolean;
  /** Share of transactions that stay open when they have done their work. */
  meeting: number;
}

/** A transaction before its end. */
type Begun = Omit<Transaction, "result" | "seen">;

/** So long one that is left open lasts. */
const LONGEST_TRANSACTION_MS = 1_500;

export class World {
  readonly scheduler: Scheduler;
  readonly remote: Remote;
  readonly database: Database;
  readonly system: System;
  readonly random: Random;
  readonly trace: Trace;
  readonly version: Version;
  readonly processes: Process[] = [];
  readonly violations: Violation[] = [];
  /** How far the database's clock is ahead of true time. */
  skew = 0;
  /** The database's clock has been set: leases and graces are not what they seem. */
  skewed = false;
  /** The sessions' database, while the function is pointed at another. */
  absent: Snapshot | null = null;
  crashes = 0;
  /** Faults that are neither Acontext's nor its network's. */
  faults = 0;
  /** Since when every request to Acontext fails, for no fault of its own; null when some can work. */
  totalSince: number | null = null;
  /** Runs that were told to expire whatever is due. */
  readonly forcedRuns = new Set<string>();
  /** Of whom a deletion has been asked for. */
  readonly erasedUsers = new Set<string>();
  /** Remote ids that a row or the queue has ever named. */
  readonly named = new Set<string>();
  /** After the last transaction. */
  snapshot: Snapshot;
  readonly #checks: Check[];
  readonly #jitter: Random;
  readonly #meetings: Random;
  readonly #meeting: number;
  /** How long the next transaction that calls a function is to stay open. */
  readonly #lingering = new Map<string, number>();
  #open: { begun: Begun; seen: Snapshot; answer(result: Result): void } | null = null;
  readonly #runIds: Random;
  readonly #requestListeners: ((body: string) => void)[] = [];

  constructor(options: WorldOptions) {
    this.database = options.database;
    this.system = options.system;
    this.version = options.version;
    this.random = new Random(options.seed);
    this.#jitter = this.random.fork("jitter");
    this.#meetings = this.random.fork("meetings");
    this.#meeting = options.meeting;
    this.#runIds = this.random.fork("run ids");
    this.trace = new Trace(options.trace);
    this.scheduler = new Scheduler({ afterStep: () => this.#afterStep() });
    this.remote = new Remote({
      scheduler: this.scheduler,
      random: this.random.fork("server"),
      epoch: EPOCH,
      version: options.version,
      namespace: NAMESPACE,
      trace: (line) => this.note(line),
      events: {
        sent: (request) => this.#each((check) => check.sent?.(request)),
        arrived: (request) => this.#each((check) => check.arrived?.(request)),
        handled: (request) => this.#each((check) => check.handled?.(request)),
        created: (resource) => this.#created(resource),
        vanished: (resource, request) => this.#each((check) => check.vanished?.(resource, request)),
      },
    });
    this.snapshot = {
      now: EPOCH,
      rows: new Map(),
      queue: new Map(),
      uncertain: new Set(),
      leases: new Map(),
      settings: {
        sessionTtl: 0,
        provisioningTimeout: 0,
        deletionGrace: 0,
        orphanGrace: 0,
        maxExpiryFraction: 1,
        maxExpiryMinimum: 1,
        maxRemoteDeletes: 32,
      },
      receipts: [],
    };
    this.#checks = createChecks(this);
  }

  /** Empties the database and fills it by `setUp`, with all triggers off. */
  async begin(setUp: string): Promise<void> {
    await this.database.reset(this.moment(), setUp);
    this.snapshot = await this.database.look(this.moment());
    this.remote.look();
  }

  /** The database's time. */
  get now(): number {
    return EPOCH + this.scheduler.now + this.skew;
  }

  /** False on servers that ignore owner labels. */
  get marksDisks(): boolean {
    return this.version === "new" || this.version === "no-uuid";
  }

  /** False on servers that ignore `use_uuid`. */
  get keepsSessionIds(): boolean {
    return this.version === "new" || this.version === "no-labels";
  }

  get failed(): boolean {
    return this.violations.length > 0;
  }

  /** For a run that a person starts. */
  newRunId(): string {
    return this.#runIds.uuid();
  }

  moment(): Moment {
    return { now: this.now, jitter: this.#jitter.next() };
  }

  note(line: string): void {
    this.trace.add(this.scheduler.now, line);
  }

  report(kind: ViolationKind, check: string, detail: string): void {
    const violation = { kind, check, detail: this.trace.render(detail) };
    this.violations.push(violation);
    this.note(`!!! ${kind} (${check}): ${violation.detail}`);
  }

  start(kind: ProcessKind, label: string, random: Random): Process {
    const process = new Process(this.trace.number(label), kind, random, this.scheduler);
    this.processes.push(process);
    return process;
  }

  /** Hears the body of every request that the database hands to pg_net. */
  onRequest(listener: (body: string) => void): void {
    this.#requestListeners.push(listener);
  }

  /** Calls a database function as the service role, now. */
  async call(
    process: Process | null,
    name: string,
    args: Record<string, unknown>,
  ): Promise<Result> {
    return await this.#transact({ name, args, process }, { name, args });
  }

  /** The same for a process, whose transaction may stay open for a while. Resolves when other things may happen. */
  async callLater(begun: Begun, answer: (result: Result) => void): Promise<void> {
    const work = { name: begun.name, args: begun.args };
    const ms = this.#timeOpen(begun.name);
    if (ms === null) return answer(await this.#transact(begun, work));
    this.note(`database: ${begun.process?.name} begins ${begun.name}`);
    await this.database.open(this.moment(), work);
    const open = { begun, seen: this.snapshot, answer };
    this.#open = open;
    this.scheduler.after(ms, async () => {
      if (this.#open === open) await this.endOpen();
    });
  }

  /** Lets the next transaction that calls this function stay open for so long. */
  linger(name: string, ms: number): void {
    this.note(`the next ${name} stays open for ${ms} ms`);
    this.#lingering.set(name, ms);
  }

  /** How long the transaction that calls this function stays open; null when it ends at once. One is open at a time. */
  #timeOpen(name: string): number | null {
    if (this.#open !== null || this.absent !== null) return null;
    const lingering = this.#lingering.get(name);
    if (this.#lingering.delete(name)) return lingering ?? null;
    if (this.#meeting === 0 || !this.#meetings.chance(this.#meeting)) return null;
    return this.#meetings.between(0, LONGEST_TRANSACTION_MS);
  }

  /** Ends the transaction that is open, if one is. */
  async endOpen(): Promise<void> {
    if (this.#open !== null) this.#ended(await this.database.endOpen());
  }

  /** Runs SQL that somebody else than a function's worker wrote, now. */
  async run(
    name: string,
    statement: { role: string; claims?: { sub: string }; text: string },
  ): Promise<Result> {
    return await this.#transact({ name, args: {}, process: null }, statement);
  }

  /** Changes the database behind everybody's back. */
  async maintain(text: string): Promise<void> {
    await this.endOpen();
    await this.database.maintain(this.moment(), text);
    this.snapshot = await this.database.look(this.moment());
  }

  async #transact(begun: Begun, work: Work): Promise<Result> {
    const seen = this.snapshot;
    const { opened, done } = await this.database.transact(this.moment(), work);
    if (opened !== null) this.#ended(opened);
    this.#took({ ...begun, seen }, done);
    return done.result;
  }

  #ended(done: Done): void {
    const open = this.#open;
    this.#open = null;
    if (open === null) return;
    this.#took({ ...open.begun, seen: open.seen }, done);
    open.answer(done.result);
  }

  #took(begun: Omit<Transaction, "result">, { result, after, requests }: Done): void {
    const transaction = { ...begun, result };
    const { name, process } = transaction;
    const before = this.snapshot;
    this.snapshot = after;
    for (const holder of [...after.rows.values(), ...after.queue.values()]) {
      if (holder.session !== null) this.named.add(holder.session);
      if (holder.disk !== null) this.named.add(holder.disk);
    }
    this.note(
      `${process?.name ?? "database"}: ${name} → ${
        result.error
          ? `error ${result.error.code}`
          // The mark of a message is drawn by the database.
          : JSON.stringify(result.data, (name, value) => name === "mark" ? undefined : value)
      }`,
    );
    this.#each((check) => check.transaction?.(transaction, before, after));
    for (const body of requests) for (const listener of this.#requestListeners) listener(body);
  }

  #created(resource: Resource): void {
    if (resource.origin !== null) {
      const owner = this.trace.render(resource.origin);
      if (resource.id !== resource.origin) {
        this.trace.name(resource.id, this.trace.number(`${owner}.${resource.kind}`));
      }
    }
    this.note(`acontext: made ${resource.kind} ${resource.id}`);
    this.#each((check) => check.created?.(resource));
  }

  #afterStep(): boolean {
    this.remote.look();
    this.#each((check) => check.step?.());
    if (this.scheduler.steps > ENDLESS && !this.failed) {
      this.report("stuck", "endless", "something is done over and over");
    }
    return !this.failed;
  }

  #each(act: (check: Check) => void): void {
    if (this.failed) return;
    for (const check of this.#checks) act(check);
  }
}

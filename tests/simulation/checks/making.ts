/** A session is made by one caller at a time, after its row, once, and found again when an answer was lost. @module */

import { madeBy } from "./paths.ts";
import type { Process } from "../process.ts";
import { type RemoteRequest, type Resource, TIMEOUT_MS } from "../remote.ts";
import type { Snapshot } from "../snapshot.ts";
import type { Transaction, World } from "../world.ts";
import type { Check } from "./check.ts";

export class Making implements Check {
  /** Sessions whose row has been written. */
  readonly #intents = new Set<string>();
  /** The last request that was sent, by what it makes and for whom. */
  readonly #sent = new Map<string, RemoteRequest>();
  readonly #requests = new Map<Process, RemoteRequest[]>();
  readonly #ended = new Set<Process>();

  constructor(readonly world: World) {}

  transaction(_: Transaction, _before: Snapshot, after: Snapshot): void {
    for (const id of after.rows.keys()) this.#intents.add(id);
  }

  sent(request: RemoteRequest): void {
    const kind = madeBy(request);
    const { process } = request;
    if (process.kind === "create") {
      this.#requests.set(process, [...this.#requests.get(process) ?? [], request]);
    }
    const origin = process.sessionId;
    if (kind === null || origin === null) return;
    if (!this.#intents.has(origin)) {
      this.#leak(`${process.name} makes a ${kind} for ${origin}, which has no row yet`);
    }
    const key = `${kind} ${origin}`;
    const other = this.#sent.get(key);
    if (
      other !== undefined && other.settledAt === null && other.process !== process &&
      request.sentAt - other.sentAt < TIMEOUT_MS && !this.world.skewed &&
      other.process.alive
    ) this.#leak(`${process.name} and ${other.process.name} both make a ${kind} for ${origin}`);
    this.#sent.set(key, request);
    if (kind === "disk" && this.world.marksDisks) this.#lookForEarlier(request, origin);
  }

  created(resource: Resource): void {
    const { kind, origin } = resource;
    if (origin === null || kind !== "session" || !this.world.keepsSessionIds) return;
    if (resource.copyOf !== null) return;
    for (const other of this.world.remote.live.values()) {
      if (
        other !== resource && other.kind === kind && other.origin === origin &&
        other.copyOf === null
      ) {
        this.#leak(`${origin} has two remote sessions`);
      }
    }
  }

  /** A caller that looked would have found it. */
  #lookForEarlier({ process }: RemoteRequest, origin: string): void {
    for (const { kind, origin: of, createdAt, id } of this.world.remote.live.values()) {
      if (kind === "disk" && of === origin && createdAt < process.startedAt) {
        this.#leak(`${process.name} makes a second disk for ${origin} without looking for ${id}`);
      }
    }
  }

  /** One lost answer alone does not fail a call: what was made can be found. */
  step(): void {
    for (const process of this.world.processes) {
      const { kind, outcome, excuse } = process;
      if (kind !== "create" || outcome === null || this.#ended.has(process)) continue;
      this.#ended.add(process);
      const failed = (this.#requests.get(process) ?? []).filter(({ status }) =>
        status === null || status >= 400
      );
      const [lost] = failed;
      if (
        failed.length === 1 && lost !== undefined && lost.made.length > 0 && excuse === null &&
        lost.made.every(({ createdAt }) => createdAt <= (lost.settledAt ?? 0)) &&
        outcome === "acontext_unavailable" && !this.world.skewed &&
        (this.world.marksDisks || lost.path !== "/disk")
      ) this.#leak(`${process.name} gave up although what it had made could be found`);
    }
  }

  #leak(detail: string): void {
    this.world.report("leak", "making", detail);
  }
}

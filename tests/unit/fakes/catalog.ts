import type { Clock, Outcome } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";
import type {
  Catalog,
  Items,
  Label,
  Marked,
  Page,
} from "../../../supabase/functions/_acontext_sessions/core/reconcile/ports.ts";
import { ago } from "./reconcile_world.ts";

export type CatalogCall = keyof Catalog;

export interface CatalogOptions {
  clock: Clock;
  /** Of each call; the answer is as things are half-way. */
  latencyMs?: number;
  pageSize?: number;
  /** False: a server that knows no labels. */
  labels?: boolean;
}

/**
 * Acontext's lists with state: pages in order of creation, cursors that mean "after this one", and the quirks of the
 * real server. A test reaches into the maps for what is there and into `faults` for what goes wrong.
 */
export class FakeCatalog implements Catalog {
  /** By remote id. */
  readonly sessions = new Map<string, Marked>();
  readonly disks = new Map<string, Marked>();
  /** By session id, with what else than disks of ours they own: a skill, another owner's session. */
  readonly labels = new Map<string, Label & { ownsMore: boolean }>();
  /** Asked at each call; `id` is the cursor, or the session id. */
  fault: (call: CatalogCall, id: string | null) => Outcome<never> | null = () => null;
  /** False: disks are listed whatever the label. */
  disksByLabel = true;
  /** How many items of each answer cannot be read. */
  readonly unreadable = new Map<CatalogCall, number>();
  /** Everything that was asked for, in order: `labelsPage:cursor`. */
  readonly asked: string[] = [];
  readonly #clock: Clock;
  readonly #latencyMs: number;
  readonly #pageSize: number;
  readonly #labels: boolean;

  constructor(options: CatalogOptions) {
    this.#clock = options.clock;
    this.#latencyMs = options.latencyMs ?? 0;
    this.#pageSize = options.pageSize ?? 200;
    this.#labels = options.labels ?? true;
  }

  addSession(id: string, originId: string, ageMs: number): void {
    this.sessions.set(id, { id, originId, createdAt: ago(ageMs) });
  }

  /** A disk, and with it its label. */
  addDisk(id: string, originId: string, ageMs: number): void {
    this.disks.set(id, { id, originId, createdAt: ago(ageMs) });
    if (!this.labels.has(originId)) this.addLabel(originId, ageMs);
  }

  addLabel(originId: string, ageMs: number, ownsMore = false): void {
    this.labels.set(originId, { originId, createdAt: ago(ageMs), ownsMore });
  }

  sessionsPage(cursor: string | null): Promise<Outcome<Page<Marked>>> {
    return this.#call(
      "sessionsPage",
      cursor,
      () => this.#page([...this.sessions.values()], cursor, "sessionsPage"),
    );
  }

  labelsPage(cursor: string | null): Promise<Outcome<Page<Label>>> {
    return this.#call("labelsPage", cursor, () => {
      if (!this.#labels) return UNSUPPORTED;
      const labels = [...this.labels.values()].map(({ originId, createdAt }) => ({
        id: originId,
        originId,
        createdAt,
      }));
      const page = this.#page(labels, cursor, "labelsPage");
      if (page.kind !== "done") return page;
      const items = page.value.items.map(({ originId, createdAt }) => ({ originId, createdAt }));
      return { kind: "done", value: { ...page.value, items } };
    });
  }

  disksOf(originId: string): Promise<Outcome<Items<Marked>>> {
    return this.#call(
      "disksOf",
      originId,
      () =>
        this.#labels && this.disksByLabel
          ? {
            kind: "done",
            value: { items: this.#disksOf(originId), skipped: this.unreadable.get("disksOf") ?? 0 },
          }
          : UNSUPPORTED,
    );
  }

  isUnused(originId: string): Promise<Outcome<boolean>> {
    return this.#call("isUnused", originId, () => {
      const ownsMore = this.labels.get(originId)?.ownsMore ?? false;
      return { kind: "done", value: !ownsMore && this.#disksOf(originId).length === 0 };
    });
  }

  removeLabel(originId: string): Promise<Outcome<null>> {
    return this.#call("removeLabel", originId, () => {
      this.labels.delete(originId);
      for (const { id } of this.#disksOf(originId)) this.disks.delete(id);
      return { kind: "done", value: null };
    });
  }

  /** How often `call` was asked. */
  count(call: CatalogCall): number {
    return this.asked.filter((asked) => asked.startsWith(`${call}:`)).length;
  }

  #disksOf(originId: string): Marked[] {
    return [...this.disks.values()].filter((disk) => disk.originId === originId);
  }

  #page(all: Marked[], cursor: string | null, call: CatalogCall): Outcome<Page<Marked>> {
    const key = ({ createdAt, id }: Marked) => `${createdAt}|${id}`;
    const left = all.filter((item) => cursor === null || key(item) > cursor)
      .sort((a, b) => key(a) < key(b) ? -1 : 1);
    const items = left.slice(0, this.#pageSize);
    const last = items.at(-1);
    const next = last !== undefined && left.length > items.length ? key(last) : null;
    return { kind: "done", value: { items, skipped: this.unreadable.get(call) ?? 0, next } };
  }

  async #call<Value>(
    call: CatalogCall,
    id: string | null,
    answer: () => Outcome<Value>,
  ): Promise<Outcome<Value>> {
    if (this.asked.push(`${call}:${id ?? ""}`) > 20_000) {
      throw new Error(`Cannot call "${call}": a hot loop`);
    }
    if (this.#latencyMs > 0) await this.#clock.sleep(this.#latencyMs / 2);
    const outcome = this.fault(call, id) ?? answer();
    if (this.#latencyMs > 0) await this.#clock.sleep(this.#latencyMs / 2);
    return structuredClone(outcome);
  }
}

const UNSUPPORTED: Outcome<never> = { kind: "rejected", status: 404, detail: "unsupported" };

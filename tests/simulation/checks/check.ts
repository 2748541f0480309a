/** What a check may watch. @module */

import type { RemoteRequest, Resource } from "../remote.ts";
import type { Snapshot } from "../snapshot.ts";
import type { Transaction } from "../world.ts";

export interface Check {
  /** A request left a process. */
  sent?(request: RemoteRequest): void;
  /** A request reached Acontext. */
  arrived?(request: RemoteRequest): void;
  /** Acontext has done with a request. */
  handled?(request: RemoteRequest): void;
  created?(resource: Resource): void;
  /** @param request What deleted it, if that is known. */
  vanished?(resource: Resource, request: RemoteRequest | null): void;
  transaction?(transaction: Transaction, before: Snapshot, after: Snapshot): void;
  /** Something happened, and nothing more happens without time passing. */
  step?(): void;
}

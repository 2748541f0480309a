/** Counts deletions of one id that were under way at the same time. @module */

export interface DeletionLog {
  /** Runs a part of a request's deletion and notes whether another request deletes the same resource meanwhile. */
  during<T>(resource: string, request: Request, work: () => Promise<T>): Promise<T>;
  overlapping(): number;
  reset(): void;
}

export function createDeletionLog(): DeletionLog {
  const underWay = new Map<string, Set<Request>>();
  let overlapping = 0;
  return {
    async during(resource, request, work) {
      const requests = underWay.get(resource) ?? new Set();
      if (requests.has(request)) return await work();
      if (requests.size > 0) overlapping += 1;
      underWay.set(resource, requests.add(request));
      try {
        return await work();
      } finally {
        requests.delete(request);
        if (requests.size === 0) underWay.delete(resource);
      }
    },
    overlapping: () => overlapping,
    reset() {
      overlapping = 0;
    },
  };
}

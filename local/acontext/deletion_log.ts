/** Counts deletions of one id that were under way at the same time. @module */

export interface DeletionLog {
  /** Runs a deletion and notes whether another one of the same resource is under way. */
  during<T>(resource: string, work: () => Promise<T>): Promise<T>;
  overlapping(): number;
  reset(): void;
}

export function createDeletionLog(): DeletionLog {
  const underWay = new Map<string, number>();
  let overlapping = 0;
  return {
    async during(resource, work) {
      const others = underWay.get(resource) ?? 0;
      if (others > 0) overlapping += 1;
      underWay.set(resource, others + 1);
      try {
        return await work();
      } finally {
        const left = (underWay.get(resource) ?? 1) - 1;
        if (left === 0) underWay.delete(resource);
        else underWay.set(resource, left);
      }
    },
    overlapping: () => overlapping,
    reset() {
      overlapping = 0;
    },
  };
}

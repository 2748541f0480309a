/** What the stand-in is told from outside. @module */

/**
 * Which server the stand-in imitates.
 *
 * - `new`: API 0.1.41.
 * - `no-uuid`: ignores `use_uuid` and `filter_by_configs`; sessions carry `space_id`.
 * - `no-labels`: ignores `user` when disks are made and listed.
 * - `oldest`: both, and deleting a missing session answers 500.
 */
export const VERSIONS = ["new", "no-uuid", "no-labels", "oldest"] as const;
export type Version = typeof VERSIONS[number];

export interface StandInOptions {
  /** SQLite file that outlives a restart, or `:memory:`. */
  stateFile: string;
  /** The key of the first project. Further projects are made through the control interface. */
  apiKey: string;
  /** Milliseconds since 1970; fractions become the microseconds of the timestamps. */
  now?: () => number;
  uuid?: () => string;
  /** The only thing the stand-in ever waits for. */
  sleep?: (ms: number) => Promise<void>;
  /** Decides about faults with a probability; by default seeded, so that a plan plays the same way twice. */
  random?: () => number;
  version?: Version;
  /** Of the server to its database, 100 by default. */
  connections?: number;
}

/** What a version knows. */
export interface Abilities {
  useUuid: boolean;
  filterByConfigs: boolean;
  spaceId: boolean;
  diskLabels: boolean;
  missingSessionStatus: 404 | 500;
}

export function abilitiesOf(version: Version): Abilities {
  const oldSessions = version === "no-uuid" || version === "oldest";
  return {
    useUuid: !oldSessions,
    filterByConfigs: !oldSessions,
    spaceId: oldSessions,
    diskLabels: version === "new" || version === "no-uuid",
    missingSessionStatus: version === "oldest" ? 500 : 404,
  };
}

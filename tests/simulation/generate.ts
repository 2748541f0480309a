/** Plans drawn at random, as fast-check arbitraries, so that a failing one shrinks. @module */

import fc from "fast-check";
import { ACTS, command } from "./generate_acts.ts";
import { STORIES } from "./stories/all.ts";
import type { Act, Command, Plan, Profile } from "./plan.ts";

type ActName = keyof typeof ACTS;
type StoryName = keyof typeof STORIES;

/** What a theme is about happens often, the rest now and then. */
interface Theme {
  weight: number;
  /** How often a story comes, to twelve single events; two when missing. */
  storiesToTwelve?: number;
  acts?: Partial<Record<ActName, number>>;
  stories?: Partial<Record<StoryName, number>>;
  profile?: { [Key in keyof Profile]?: fc.Arbitrary<Profile[Key]> };
}

const USUAL_ACTS: Record<ActName, number> = {
  create: 24,
  use: 5,
  upload: 3,
  pin: 3,
  remove: 15,
  restore: 4,
  copy: 1,
  eraseUser: 3,
  operator: 4,
  settings: 4,
  cron: 9,
  sweep: 7,
  reconcile: 2,
  weather: 9,
  mishap: 4,
  skew: 0,
  wrongDatabase: 0,
};

const USUAL_STORIES: Record<StoryName, number> = {
  lateBinding: 1,
  blindSpot: 1,
  blindSide: 0.5,
  hindsight: 0.5,
  overtaken: 1,
  crossing: 1,
  twins: 1,
  takeover: 1,
  slowWorker: 1,
  heap: 1,
  impatience: 1,
  patience: 1,
  impatientRetry: 1,
  failing: 1,
  orphan: 1,
  halfMade: 1,
  halfKnown: 0.5,
  halfGone: 1,
  revival: 1,
  lateArrival: 1,
  secondLife: 0.7,
  secondThoughts: 1,
  massExpiry: 0.5,
  frozenWorkers: 0.5,
  crowd: 1,
  copied: 0.5,
  slowClock: 0.3,
  tugOfWar: 0.3,
  scramble: 0.3,
  doubleClaim: 0.3,
  heirs: 0.3,
  lastMinute: 0.3,
  echo: 0.5,
  lastWord: 0.5,
  sharedFiles: 1,
  lastUpload: 0.5,
  lateUpload: 0.5,
  collision: 0.5,
};

const USUAL_PROFILE: { [Key in keyof Profile]: fc.Arbitrary<Profile[Key]> } = {
  version: fc.constant("new"),
  population: fc.constantFrom(0, 0, 0, 4),
  concurrency: fc.constantFrom(1, 2, 4),
  maxPerRun: fc.constantFrom(2, 2_000, 2_000),
  maxWorkers: fc.constantFrom(1, 3),
  deletionGrace: fc.constantFrom(0, 0, 120, 3_600),
  orphanGrace: fc.constantFrom(600, 3_600),
  sessionTtl: fc.constantFrom(3_600, 2_592_000),
  maxExpiryMinimum: fc.constantFrom(3, 100),
  maxSessionsPerUser: fc.constantFrom(null, null, null, 2),
  maxRemoteDeletes: fc.constantFrom(32, 32, 32, 2, 3, 4),
  meeting: fc.constant(0),
};

const THEMES: Theme[] = [
  { weight: 5 },
  // Many callers of few ids.
  {
    weight: 3,
    acts: { create: 60, weather: 14 },
    stories: {
      takeover: 4,
      lateBinding: 3,
      blindSpot: 4,
      blindSide: 3,
      hindsight: 3,
      overtaken: 4,
      crossing: 4,
      twins: 4,
      halfMade: 3,
      revival: 3,
    },
  },
  // Many workers on few deletions.
  {
    weight: 3,
    acts: { remove: 30, sweep: 25, weather: 14 },
    stories: {
      slowWorker: 5,
      heap: 5,
      impatience: 5,
      patience: 5,
      impatientRetry: 5,
      frozenWorkers: 3,
      crowd: 5,
      echo: 3,
      lastWord: 3,
      sharedFiles: 6,
      lastUpload: 3,
      lateUpload: 3,
      collision: 3,
    },
    profile: {
      deletionGrace: fc.constant(0),
      maxRemoteDeletes: fc.constantFrom(32, 2, 2, 3),
    },
  },
  // What is late, lost or left over.
  {
    weight: 3,
    acts: { reconcile: 20, copy: 6 },
    stories: { copied: 6, lateArrival: 6, halfMade: 2, halfGone: 4, secondLife: 10, orphan: 6 },
    profile: { orphanGrace: fc.constant(600) },
  },
  // Deletions taken back.
  {
    weight: 2,
    acts: { restore: 25, remove: 25, sweep: 18 },
    stories: { secondThoughts: 10 },
    profile: { deletionGrace: fc.constantFrom(120, 3_600) },
  },
  // Lifetimes, pins and mistakes with them.
  {
    weight: 2,
    acts: { settings: 20, pin: 10, use: 15, cron: 20 },
    stories: { massExpiry: 8 },
    profile: { population: fc.constantFrom(4, 9), maxExpiryMinimum: fc.constant(3) },
  },
  // People with SQL.
  { weight: 2, acts: { operator: 25, eraseUser: 12 } },
  // Old servers.
  {
    weight: 2,
    stories: { halfKnown: 12, halfMade: 3, orphan: 3 },
    profile: { version: fc.constantFrom("no-uuid", "no-labels", "oldest") },
  },
  // Clocks that are set.
  { weight: 1, acts: { skew: 12, sweep: 20 }, stories: { slowClock: 12 } },
  // Transactions that meet.
  {
    weight: 4,
    storiesToTwelve: 12,
    acts: { create: 30, remove: 30, restore: 10, cron: 20, sweep: 25, use: 10 },
    stories: {
      tugOfWar: 8,
      scramble: 8,
      doubleClaim: 8,
      heirs: 5,
      lastMinute: 5,
      crowd: 4,
      heap: 3,
    },
    profile: {
      meeting: fc.constantFrom(0.3, 0.6),
      maxRemoteDeletes: fc.constantFrom(32, 2, 2, 3),
      population: fc.constantFrom(0, 4),
      deletionGrace: fc.constantFrom(0, 0, 120),
    },
  },
  // A deployment that was pointed at the wrong database.
  {
    weight: 2,
    acts: { wrongDatabase: 8 },
    profile: { population: fc.constant(14), sessionTtl: fc.constant(2_592_000) },
  },
];

/** A plan with at most so many commands. */
export function plans(most: number): fc.Arbitrary<Plan> {
  return fc.oneof(
    ...THEMES.map((theme) => ({
      weight: theme.weight,
      arbitrary: fc.record({
        seed: fc.nat(),
        profile: fc.record({ ...USUAL_PROFILE, ...theme.profile }),
        commands: commandsOf(theme, most),
      }),
    })),
  );
}

function commandsOf(
  { acts, stories, storiesToTwelve = 2 }: Theme,
  most: number,
): fc.Arbitrary<Command[]> {
  const act = pickFrom<ActName, Act>(ACTS, { ...USUAL_ACTS, ...acts });
  const story = pickFrom<StoryName, Command[]>(STORIES, { ...USUAL_STORIES, ...stories });
  const events = fc.oneof(
    { weight: 12, arbitrary: command(act).map((single) => [single]) },
    { weight: storiesToTwelve, arbitrary: story },
  );
  return fc.array(events, { minLength: Math.min(4, most), maxLength: most, size: "max" })
    .map((sequences) => sequences.flat().slice(0, most));
}

function pickFrom<Name extends string, Value>(
  arbitraries: Record<Name, fc.Arbitrary<Value>>,
  weights: Record<Name, number>,
): fc.Arbitrary<Value> {
  const weighted: fc.WeightedArbitrary<Value>[] = [];
  for (const name in arbitraries) {
    // fast-check wants whole weights.
    const weight = Math.round(10 * weights[name]);
    if (weight > 0) weighted.push({ weight, arbitrary: arbitraries[name] });
  }
  return fc.oneof(...weighted);
}

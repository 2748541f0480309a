/** What is said about the result. @module */

import { count, figure, percent, table } from "../markdown.ts";
import { median, percentile } from "../statistics.ts";
import { GROWING } from "./plans.ts";
import type { Growth, Plan, Samples } from "./schema.ts";

/** From the smallest to the goal's largest size. */
const GOAL = 1.5;
const GOAL_SESSIONS = 1_000_000;

export function report(result: Growth): string {
  return [
    statements(result),
    scans(result),
    sizes(result),
    messages(result),
    work(result),
  ].join("\n\n");
}

/** The growth of a median, to the largest size that the goal speaks of. */
function growthOf({ ms }: Samples, sessions: number[]): number {
  const [first] = ms;
  const last = ms[Math.max(0, sessions.filter((size) => size <= GOAL_SESSIONS).length - 1)];
  return first === undefined || last === undefined ? NaN : median(last) / median(first);
}

function statements({ sessions, statements: all, sharedBuffers, pages }: Growth): string {
  const pagesOf = (statement: string) =>
    sessions.map((size) =>
      figure(
        pages.find((one) => one.statement === statement && one.sessions === size)?.pages ?? NaN,
      )
    ).join(" → ");
  const rows = (hot: boolean) =>
    all.filter((statement) => statement.hot === hot).map((statement) => [
      statement.name,
      ...statement.ms.map((ms) => `${figure(median(ms))} (${figure(percentile(ms, 0.99))})`),
      `${growthOf(statement, sessions).toFixed(2)} ×`,
      pagesOf(statement.name),
    ]);
  const head = (
    what: string,
  ) => [what, ...sessions.map((size) => `${count(size)} sessions`), "Growth", "Pages"];
  const hot = all.filter((statement) => statement.hot);
  const missed = hot.filter((statement) => growthOf(statement, sessions) > GOAL);
  const samples = all[0]?.ms[0]?.length ?? 0;
  return `Milliseconds in the server, median (99th percentile) of ${samples} samples, for databases in which 1 % of the
sessions have expired and 1 % wait in the queue. Sizes take turns, every sample is a transaction that is rolled back,
and all data is in memory (\`shared_buffers\` ${sharedBuffers}). The statements are those of PostgREST, with the roles, claims
and arguments of a real request; batches are of 64, so that each size has as much to do. A long list has 3,000 sessions.

Goal: growth of each hot statement of at most ${GOAL} ×: ${
    missed.length === 0
      ? `met by all ${hot.length}`
      : `missed by ${missed.length} of ${hot.length}: ${missed.map(({ name }) => name).join(", ")}`
  }.

${table(head("For every message, session or batch"), rows(true))}

What runs once in a run of the cleanup, or when somebody looks, counts what is due, up to a limit; that is a hundred times
as much in the largest database as in the smallest.

${table(head("Once in a run"), rows(false))}`;
}

interface Scan {
  statement: string;
  relation: string;
  rows: number;
}

function scansOf(plans: Plan[], sessions: number | undefined): Scan[] {
  const scans = new Map<string, Scan>();
  for (const { statement, nodes, sessions: size, times } of plans) {
    if (size !== sessions) continue;
    for (const { node, relation, rows, removed = 0 } of nodes) {
      if (!node.includes("Seq Scan") || relation === undefined || !GROWING.includes(relation)) {
        continue;
      }
      const key = `${statement} ${relation}`;
      const read = (rows + removed) / times;
      const known = scans.get(key);
      scans.set(key, { statement, relation, rows: Math.max(read, known?.rows ?? 0) });
    }
  }
  return [...scans.values()];
}

function scans({ sessions, plans }: Growth): string {
  const largest = sessions.at(-1);
  const found = scansOf(plans, largest);
  const looked = plans.filter((plan) => plan.sessions === largest).length;
  const intro = `The plans of all that runs inside the functions, ${looked} of them at ${
    count(largest ?? 0)
  } sessions, are in the result with the pages they read; PostgreSQL reports them itself (\`auto_explain\`), on a new
connection and on one that has settled for its plans.`;
  if (found.length === 0) {
    return `${intro} No table that grows is read by a sequential scan: goal met.`;
  }
  return `${intro} Sequential scans of tables that grow, with the rows that one of them reads:

${
    table(
      ["Statement", "Table", "Rows read"],
      found.map(({ statement, relation, rows }) => [statement, `\`${relation}\``, figure(rows)]),
    )
  }`;
}

function sizes({ databases }: Growth): string {
  const largest = databases.at(-1);
  if (largest === undefined) return "";
  const perMillion = 1_000_000 / largest.sessions;
  const total = (bytes: number[]) => bytes.reduce((sum, part) => sum + part, 0);
  const tables = Map.groupBy(largest.relations, ({ table }) => table);
  const rows = [...tables].map(([name, relations]) => ({
    name,
    bytes: total(relations.map(({ bytes }) => bytes)),
    cells: relations.filter(({ bytes }) => bytes * perMillion >= 2 ** 20).map((
      { name, kind, bytes },
    ) => [
      kind === "table" ? `**\`${name}\`**` : `\`${name}\``,
      figure(bytes * perMillion / 2 ** 20),
    ]),
  })).filter(({ cells }) => cells.length > 0).sort((a, b) => b.bytes - a.bytes);
  const sessions = rows.find(({ name }) => name === "session_mappings")?.bytes ?? 0;
  const all = total(largest.relations.map(({ bytes }) => bytes));
  return `MiB for each million sessions, as seeded: a receipt for each session, an idempotency key for each fifth. A session takes
${figure(sessions / largest.sessions)} bytes in its table and indexes, ${
    figure(all / largest.sessions)
  } with all that is kept beside it. What is below 1 MiB is left out.

${table(["Table, its indexes", "MiB"], rows.flatMap(({ cells }) => cells))}`;
}

function messages({ messages: all, databases }: Growth): string {
  return `What a stored message writes to a database of ${
    count(databases.at(-1)?.sessions ?? 0)
  } sessions. \`last_activity_at\` and \`expires_at\` are indexed, so an update of them is
never HOT; \`touch_granularity\` (1 minute) makes the messages in between change the count alone. Right after a checkpoint the
first change of a page writes the whole page to WAL; conversations that go on at the same time share pages.

${
    table(
      ["Messages of one session", "HOT updates", "WAL bytes per message", "after a checkpoint"],
      all.map(({ kind, updates, hotUpdates, walBytes, walBytesAfterCheckpoint }) => [
        kind,
        percent(hotUpdates / updates),
        figure(walBytes),
        figure(walBytesAfterCheckpoint),
      ]),
    )
  }`;
}

function work({ work: all }: Growth): string {
  return `What the database alone can do: sessions expired, leased and let go in batches of ${
    all[0]?.batch ?? 0
  }, committed, with nothing remote in between and no wait for the disk (\`fsync = off\`).

${
    table(
      [
        "Workers",
        "Sessions",
        "Deleted per second",
        "Server ms per session",
        "of it expire",
        "claim",
        "settle",
        "WAL bytes per session",
      ],
      all.map((one) => [
        String(one.workers),
        count(one.sessions),
        figure(one.deleted / one.seconds),
        figure((one.expireMs + one.claimMs + one.settleMs) / one.deleted),
        figure(one.expireMs / one.deleted),
        figure(one.claimMs / one.deleted),
        figure(one.settleMs / one.deleted),
        figure(one.walBytes / one.deleted),
      ]),
    )
  }`;
}

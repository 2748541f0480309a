/** The part of the section about bytes, and about the work that the database alone can do. @module */

import { count, figure, percent, table } from "../markdown.ts";
import type { Growth } from "./result.ts";

export function reportStorage(result: Growth): string {
  return [sizes(result), messages(result), work(result)].join("\n\n");
}

function sizes({ databases, relations: all }: Growth): string {
  const largest = databases.at(-1);
  if (largest === undefined) return "";
  const perMillion = 1_000_000 / largest.sessions;
  const total = (bytes: number[]) => bytes.reduce((sum, part) => sum + part, 0);
  const tables = Map.groupBy(all, ({ table }) => table);
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
  const allBytes = total(all.map(({ bytes }) => bytes));
  return `MiB per million sessions, as seeded: a receipt for each session, an idempotency key for every fifth. A session takes
${figure(sessions / largest.sessions)} bytes in its table and indexes, ${
    figure(allBytes / largest.sessions)
  } with everything that is kept beside it. Relations below 1 MiB are left out.

${table(["Table, its indexes", "MiB"], rows.flatMap(({ cells }) => cells))}`;
}

function messages({ messages: all, databases }: Growth): string {
  return `What a stored message writes to a database of ${
    count(databases.at(-1)?.sessions ?? 0)
  } sessions. \`last_activity_at\` and \`expires_at\` are indexed, so updating them is
never HOT; within \`touch_granularity\` (1 minute) further messages only change the count. Right after a checkpoint the
first change of a page writes the whole page to WAL; sessions that are used at the same time share pages.

${
    table(
      ["Messages of one session", "HOT updates", "WAL bytes per message", "after a checkpoint"],
      all.map((
        { secondsBetween, withKey, updates, hotUpdates, walBytes, walBytesAfterCheckpoint },
      ) => [
        `every ${spanOf(secondsBetween)}${withKey ? ", with an idempotency key" : ""}`,
        percent(hotUpdates / updates),
        figure(walBytes),
        figure(walBytesAfterCheckpoint),
      ]),
    )
  }`;
}

function spanOf(seconds: number): string {
  if (seconds === 1) return "second";
  return seconds < 60 ? `${seconds} seconds` : `${seconds / 60} minutes`;
}

function work({ work: all }: Growth): string {
  return `What the database can do on its own: sessions expired, leased and released in batches of ${
    all[0]?.batch ?? 0
  }, committed, with nothing remote in between and without waiting for the disk (\`fsync = off\`).

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

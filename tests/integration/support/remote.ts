/** Acontext as the stand-in has it: what is there, what may go wrong, and what nobody would find again. @module */

import { assertEquals } from "@std/assert/mod.js";
import { z } from "zod";
import { type Audit, createControlClient, type Skill } from "../../../local/acontext/control.ts";
import type { FaultRule } from "../../../local/acontext/fault_rules.ts";
import type { StackInfo } from "../../support/stack_info.ts";
import type { Database } from "./database.ts";
import { eventually } from "../../support/eventually.ts";

/** How this deployment marks what it makes. */
export const NAMESPACE = "local";

/** Longer than any request that a test delays while it kills who asked. */
const QUIET_MS = 400;

const madeSchema = z.object({ code: z.literal(0), data: z.object({ id: z.string() }) });

export function createRemote({ acontext }: StackInfo) {
  const control = createControlClient(acontext.controlUrl);

  async function make(path: string, body: unknown): Promise<string> {
    const response = await fetch(`${acontext.baseUrl}${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${acontext.apiKey}`,
        "content-type": "application/json",
      },
      body: JSON.stringify(body),
    });
    return madeSchema.parse(await response.json()).data.id;
  }

  return {
    control,
    audit: (): Promise<Audit> => control.audit(),

    /** Runs `work` while requests go wrong by these rules. */
    async withFaults<T>(rules: FaultRule[], work: () => Promise<T>): Promise<T> {
      await control.setFaults(rules);
      try {
        return await work();
      } finally {
        await control.clearFaults();
      }
    },

    /** The requests per route that `work` caused. */
    async callsOf(work: () => Promise<unknown>): Promise<Record<string, number>> {
      const before = (await control.audit()).calls;
      await work();
      const after = (await control.audit()).calls;
      return Object.fromEntries(
        Object.entries(after)
          .map(([route, count]): [string, number] => [route, count - (before[route] ?? 0)])
          .filter(([, count]) => count > 0),
      );
    },

    /** Waits until what dead functions had asked for is worked off. */
    async quiet(): Promise<void> {
      let seen = "";
      let since = performance.now();
      await eventually("Acontext is quiet", async () => {
        const now = JSON.stringify(await control.audit());
        if (now !== seen) since = performance.now();
        seen = now;
        return performance.now() - since > QUIET_MS;
      }, 30_000);
    },

    /** Somebody else's session in the same Acontext project. */
    makeSession: (body: { use_uuid?: string; configs?: unknown }): Promise<string> =>
      make("/session", body),
    /** Somebody else's disk in the same Acontext project. */
    makeDisk: (body: { user?: string }): Promise<string> => make("/disk", body),
    makeSkill: (): Promise<Skill> => control.createSkill(),

    /** Deletes behind the back of the database. */
    async remove(path: `/session/${string}` | `/disk/${string}`): Promise<void> {
      const response = await fetch(`${acontext.baseUrl}${path}`, {
        method: "DELETE",
        headers: { authorization: `Bearer ${acontext.apiKey}` },
      });
      await response.body?.cancel();
      assertEquals(response.status, 200);
    },
  };
}

export type Remote = ReturnType<typeof createRemote>;

/** What of ours is in Acontext. */
export function ours(audit: Audit): { sessions: string[]; disks: string[] } {
  return {
    sessions: audit.sessions.filter(({ namespace }) => namespace === NAMESPACE).map(({ id }) => id)
      .sort(),
    disks: audit.disks.filter(({ label }) => label?.startsWith(`${NAMESPACE}:`)).map(({ id }) => id)
      .sort(),
  };
}

/** Nothing of ours is left, and no deletion of one id overlapped another. */
export function assertNothingLeft(audit: Audit): void {
  assertEquals(ours(audit), { sessions: [], disks: [] });
  assertEquals(audit.overlappingDeletes, 0);
}

/**
 * What no row leads to any more. A row leads to a resource by its id or, while it does not know the id or may have a
 * second one, by the session id in the mark.
 *
 * A deletion may end between the look at Acontext and the one at the database. What has leaked stays, so what is suspected
 * is looked for once more.
 */
export async function findLeaks(
  database: Database,
  { audit }: { audit(): Promise<Audit> },
): Promise<string[]> {
  const suspects = await unknownOf(database, await audit());
  if (suspects.length === 0) return [];
  const found = await unknownOf(database, await audit());
  return suspects.filter((suspect) => found.includes(suspect));
}

async function unknownOf({ sql }: Database, audit: Audit): Promise<string[]> {
  const rows = await sql<{ known: string }[]>`
    select acontext_session_id::text as known from public.session_mappings
    union select acontext_disk_id::text from public.session_mappings
    union select acontext_session_id::text from acontext_sessions.deletion_queue
    union select acontext_disk_id::text from acontext_sessions.deletion_queue
    union select 'session mark ' || id from public.session_mappings where acontext_session_id is null
    union select 'disk mark ' || id from public.session_mappings where acontext_disk_id is null
    union select 'session mark ' || session_id from acontext_sessions.uncertain_sessions
    union select 'disk mark ' || session_id from acontext_sessions.uncertain_sessions`;
  const known = new Set(rows.map((row) => row.known));
  const leaks: string[] = [];
  for (const { id, namespace, sessionId } of audit.sessions) {
    if (namespace !== NAMESPACE || known.has(id) || known.has(`session mark ${sessionId}`)) {
      continue;
    }
    leaks.push(`session ${id}`);
  }
  for (const { id, label } of audit.disks) {
    if (!label?.startsWith(`${NAMESPACE}:`)) continue;
    if (known.has(id) || known.has(`disk mark ${label.slice(NAMESPACE.length + 1)}`)) continue;
    leaks.push(`disk ${id}`);
  }
  return leaks;
}

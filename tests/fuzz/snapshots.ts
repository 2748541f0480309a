/** All that the database and Acontext keep, by owner, to see who has changed what. @module */

import type { Database } from "../integration/support/database.ts";
import type { Remote } from "../integration/support/remote.ts";
import { NAMESPACE } from "../integration/support/remote.ts";

interface Kept {
  /** A user, or "" for what is the operator's. */
  owner: string;
  text: string;
}
export type Snapshot = Map<string, Kept>;

/** @param leftOut Columns that whoever writes may change of everybody's rows. */
export async function takeSnapshot(
  { database: { sql }, remote }: { database: Database; remote: Remote },
  leftOut: string[] = [],
): Promise<Snapshot> {
  const rows = await sql<{ key: string; owner: string; text: string }[]>`
    select 'row ' || s.id as key, coalesce(s.user_id, q.user_id)::text as owner,
      (to_jsonb(s) - ${leftOut}::text[])::text as text
    from public.session_mappings as s left join acontext_sessions.deletion_queue as q using (id)
    union all
    select 'queue ' || q.id, q.user_id::text, q::text from acontext_sessions.deletion_queue as q
    union all
    select 'message ' || k.session_id || k.key_hash, s.user_id::text, k::text
    from acontext_sessions.message_keys as k join public.session_mappings as s on s.id = k.session_id
    union all select 'settings', '', s::text from acontext_sessions.settings as s
    union all select 'run ' || r.id, '', r::text from acontext_sessions.runs as r
    union all select 'restamp', '', r::text from acontext_sessions.restamp_state as r
    union all select 'reconcile', '', r::text from acontext_sessions.reconcile_state as r
    union all select 'job ' || j.jobname, '', j::text from cron.job as j`;
  const taken: Snapshot = new Map();
  for (const { key, owner, text } of rows) taken.set(key, { owner: owner ?? "", text });
  const ownerOf = (id: string | null) => taken.get(`row ${id}`)?.owner;
  const audit = await remote.audit();
  for (const { id, sessionId, messages } of audit.sessions) {
    const owner = ownerOf(sessionId);
    if (owner !== undefined) taken.set(`remote session ${id}`, { owner, text: String(messages) });
  }
  for (const { id, label, artifacts } of audit.disks) {
    const owner = ownerOf(label?.slice(NAMESPACE.length + 1) ?? null);
    if (owner !== undefined) taken.set(`remote disk ${id}`, { owner, text: String(artifacts) });
  }
  return taken;
}

/** What differs of things of others than `writer`, who `mayAdd` rows for anybody. */
export function foreignChanges(
  before: Snapshot,
  after: Snapshot,
  { writer = null, mayAdd = false }: { writer?: string | null; mayAdd?: boolean } = {},
): string[] {
  const changes: string[] = [];
  for (const key of new Set([...before.keys(), ...after.keys()])) {
    const [was, is] = [before.get(key), after.get(key)];
    if (was?.text === is?.text || (mayAdd && was === undefined)) continue;
    const owner = was?.owner ?? is?.owner;
    if (owner !== writer) {
      changes.push(`${key} of ${owner || "the operator"}: ${was?.text} → ${is?.text}`);
    }
  }
  return changes;
}

/** Only what belongs to these users. */
export function onlyOf(snapshot: Snapshot, owners: string[]): Snapshot {
  return new Map([...snapshot].filter(([, { owner }]) => owners.includes(owner)));
}

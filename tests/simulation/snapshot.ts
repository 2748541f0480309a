/** What the database holds, as the checks read it after every transaction. Times are milliseconds since 1970. @module */

export interface Row {
  id: string;
  user: string | null;
  status: "provisioning" | "active" | "deleting";
  pinned: boolean;
  ttl: number | null;
  session: string | null;
  disk: string | null;
  createdAt: number;
  lastActivityAt: number;
}

export interface Entry {
  id: string;
  origin: string;
  reason: "requested" | "expired" | "user_deleted" | "stale" | "orphan";
  session: string | null;
  disk: string | null;
  requestedAt: number;
  attempts: number;
  firstClaimedAt: number | null;
  leaseId: string | null;
  lastError: string | null;
  sessionGone: boolean;
  diskGone: boolean;
}

export interface Receipt {
  id: string;
  origin: string;
  session: string | null;
  disk: string | null;
  sessionProof: "deleted" | "absent" | "unproven";
  diskProof: "deleted" | "absent" | "unproven";
  requestedAt: number;
}

export interface MakingLease {
  holder: string;
  until: number;
}

export interface Settings {
  sessionTtl: number;
  provisioningTimeout: number;
  deletionGrace: number;
  orphanGrace: number;
  maxExpiryFraction: number;
  maxExpiryMinimum: number;
  maxRemoteDeletes: number;
}

export interface Snapshot {
  /** The database's clock. */
  now: number;
  rows: ReadonlyMap<string, Row>;
  queue: ReadonlyMap<string, Entry>;
  uncertain: ReadonlySet<string>;
  /** Who makes a session, by its id. */
  leases: ReadonlyMap<string, MakingLease>;
  settings: Settings;
  /** Written by this transaction. */
  receipts: Receipt[];
}

/** As it comes from {@link SNAPSHOT_SQL}. */
export interface RawSnapshot {
  now: number;
  rows: Row[];
  queue: Entry[];
  uncertain: string[];
  leases: (MakingLease & { id: string })[];
  settings: Settings;
  receipts: (Receipt & { logId: number })[];
  /** Bodies of the requests that were handed to pg_net. */
  requests: string[];
}

const ms = (time: string) => `(extract(epoch from ${time}) * 1000)::float8`;

/** `$1`: the last receipt that was seen. */
export const SNAPSHOT_SQL = `
  with sent as (delete from net.http_request_queue as q where q.id is not null returning q.id, q.body)
  select jsonb_build_object(
    'now', ${ms("acontext_sessions.clock()")},
    'rows', (select coalesce(jsonb_agg(jsonb_build_object(
        'id', s.id, 'user', s.user_id, 'status', s.status, 'pinned', s.pinned, 'ttl', ${
  ms("s.ttl")
},
        'session', s.acontext_session_id, 'disk', s.acontext_disk_id,
        'createdAt', ${ms("s.created_at")}, 'lastActivityAt', ${ms("s.last_activity_at")}
      ) order by s.id), '[]') from public.session_mappings as s),
    'queue', (select coalesce(jsonb_agg(jsonb_build_object(
        'id', q.id, 'origin', q.origin_id, 'reason', q.reason, 'session', q.acontext_session_id,
        'disk', q.acontext_disk_id, 'requestedAt', ${ms("q.requested_at")}, 'attempts', q.attempts,
        'firstClaimedAt', ${
  ms("q.first_claimed_at")
}, 'leaseId', q.lease_id, 'lastError', q.last_error,
        'sessionGone', q.session_gone_at is not null, 'diskGone', q.disk_gone_at is not null
      ) order by q.id), '[]') from acontext_sessions.deletion_queue as q),
    'uncertain', (select coalesce(jsonb_agg(u.session_id order by u.session_id), '[]')
      from acontext_sessions.uncertain_sessions as u),
    'leases', (select coalesce(jsonb_agg(jsonb_build_object(
        'id', p.session_id, 'holder', p.lease_id, 'until', ${ms("p.leased_until")}
      ) order by p.session_id), '[]') from acontext_sessions.provisioning_leases as p),
    'settings', (select jsonb_build_object(
        'sessionTtl', ${ms("t.session_ttl")}, 'provisioningTimeout', ${
  ms("t.provisioning_timeout")
},
        'deletionGrace', ${ms("t.deletion_grace")}, 'orphanGrace', ${ms("t.orphan_grace")},
        'maxExpiryFraction', t.max_expiry_fraction, 'maxExpiryMinimum', t.max_expiry_minimum,
        'maxRemoteDeletes', t.max_remote_deletes
      ) from acontext_sessions.settings as t),
    'receipts', (select coalesce(jsonb_agg(jsonb_build_object(
        'logId', l.log_id, 'id', l.id, 'origin', l.origin_id, 'session', l.acontext_session_id,
        'disk', l.acontext_disk_id, 'sessionProof', l.session_proof, 'diskProof', l.disk_proof,
        'requestedAt', ${ms("l.requested_at")}
      ) order by l.log_id), '[]') from acontext_sessions.deletion_log as l where l.log_id > $1),
    'requests', (select coalesce(jsonb_agg(convert_from(s.body, 'utf8') order by s.id), '[]') from sent as s)
  ) as snapshot`;

export function toSnapshot(raw: RawSnapshot): Snapshot {
  return {
    now: raw.now,
    rows: new Map(raw.rows.map((row) => [row.id, row])),
    queue: new Map(raw.queue.map((entry) => [entry.id, entry])),
    uncertain: new Set(raw.uncertain),
    leases: new Map(raw.leases.map(({ id, ...lease }) => [id, lease])),
    settings: raw.settings,
    receipts: raw.receipts,
  };
}

/** What protects deletion: proof, leases, grace, pace. @module */

import type { Mutant } from "./mutant.ts";

const SETTLE = "public.acontext_settle_deletions(uuid,jsonb)";
const CLAIM = "public.acontext_claim_deletions(uuid,integer,integer,integer)";
const REQUEST = "public.acontext_request_session_deletion(uuid,uuid,uuid,integer,integer)";
const LEASE = "acontext_sessions.lease_deletions(uuid[],uuid,integer,boolean)";
const RESTORE = "public.acontext_restore_session(uuid,uuid)";
const GUARD = "acontext_sessions.guard_session_change()";
const FIRST_ATTEMPT = "acontext_sessions.first_attempt_at(uuid,acontext_sessions.deletion_reason)";
const QUEUE_DUE = "public.acontext_queue_due_sessions(uuid,integer)";
const QUEUE_EXPIRED = "acontext_sessions.queue_expired(integer,text)";

export const deletionMutants: Mutant[] = [
  {
    mechanism: "a 404 is believed only after a list without the resource",
    code: [{
      file: "core/cleanup/delete_remote.ts",
      find: '    if (removed.kind !== "absent") return failure(removed);\n',
      replace: `    if (removed.kind !== "absent") return failure(removed);
    if (removed.kind === "absent") return { kind: "gone", proof: "absent" };
`,
    }],
  },
  {
    mechanism: "the same for a resource that was found by its mark",
    code: [{
      file: "core/cleanup/delete_remote.ts",
      find: "if (!claimedAbsent) return",
      replace: "if (!claimedAbsent || claimedAbsent) return",
    }],
  },
  {
    mechanism: "the items of the list are read, not only its status",
    code: [{
      file: "core/cleanup/delete_remote.ts",
      find: "return found.value.ids.includes(id)",
      replace: "return found.value.ids.length < 0",
    }],
  },
  {
    mechanism: "each resource is stamped on its own",
    code: [{
      file: "core/cleanup/settlement.ts",
      find: "const session = proofOf(attempt.session);",
      replace:
        'const session = verdictOf(attempt) === "gone" ? proofOf(attempt.session) : undefined;',
    }, {
      file: "core/cleanup/settlement.ts",
      find: "const disk = proofOf(attempt.disk);",
      replace: 'const disk = verdictOf(attempt) === "gone" ? proofOf(attempt.disk) : undefined;',
    }],
  },
  {
    mechanism: "a report under a lost lease changes nothing (fencing)",
    sql: [{
      function: SETTLE,
      find: "where q.id = r.id and q.lease_id = p_lease_id",
      replace: "where q.id = r.id",
    }],
  },
  {
    mechanism: "a claim hides the entry from other workers",
    sql: [{
      function: CLAIM,
      find: "lease_deletions(v_ids, p_lease_id, p_lease_seconds, false)",
      replace: "lease_deletions(v_ids, p_lease_id, 0, false)",
    }],
  },
  {
    mechanism: "a delete request takes a lease too",
    sql: [{
      function: REQUEST,
      find: "lease_deletions(array[p_session_id], p_lease_id, p_lease_seconds, true)",
      replace: "lease_deletions(array[p_session_id], p_lease_id, 0, true)",
    }],
  },
  {
    mechanism: "a delete request leaves alone what a worker holds",
    sql: [{
      function: REQUEST,
      find: "if not found or v_entry.next_attempt_at > v_now or v_entry.slow",
      replace: "if not found or v_entry.slow",
    }],
  },
  {
    mechanism: "no delete starts after the lease's deadline",
    code: [{
      file: "core/cleanup/delete_limits.ts",
      find:
        "  if (now > startBy || left < Math.max(Math.min(LEAST_MS, timeoutMs), expected)) return null;\n",
      replace: "",
    }],
  },
  {
    mechanism: "a lease outlives the deletes that began in time",
    code: [{
      file: "core/cleanup/delete_limits.ts",
      find: "leaseSeconds: Math.ceil((Math.max(0, endBy - now) + 2 * REPORT_MS) / 1000),",
      replace: "leaseSeconds: Math.ceil((Math.max(0, startBy - now) + 1) / 1000),",
    }],
  },
  {
    mechanism: "what is stored of a message is unlike anything else in the Acontext project",
    code: [{
      file: "acontext/unique_content.ts",
      find: "withKept(part, { nonce })",
      replace: "withKept(part, { nonce: nonce.slice(36) })",
    }],
  },
  {
    mechanism: "the files of a disk are deleted one by one before it",
    code: [{
      file: "core/cleanup/delete_remote.ts",
      find: '    const files = found.kind === "done" ? found.value : [];\n',
      replace: '    const files = found.kind === "done" ? found.value.slice(0, 0) : [];\n',
    }],
  },
  {
    mechanism: "an upload that met another under its name is stored again",
    code: [{
      file: "core/files/upload_file.ts",
      find: "const mayHaveMetAnother = stored.kind",
      replace: "const mayHaveMetAnother = upload.path === null && stored.kind",
    }],
  },
  {
    mechanism: "a write that comes long after the call that noted it asks again",
    code: [{
      file: "core/sessions/during_write.ts",
      find: "      if (left() <= 0) await askAgain();\n",
      replace: "",
    }],
  },
  {
    mechanism: "nothing is deleted within three seconds of a write",
    sql: [{
      statement: `create or replace function acontext_sessions.write_gap() returns interval
        language sql immutable security invoker set search_path = '' as $$ select interval '0' $$`,
    }],
  },
  {
    mechanism: "a delete has the time that it needs",
    code: [{
      file: "core/cleanup/delete_limits.ts",
      find:
        "return Math.min(Math.max(timeoutMs, 2 * expectedMs({ msPerMessage }, messages)), left);",
      replace: "return Math.min(1, left);",
    }],
  },
  {
    mechanism: "a delete whose effect is not known is not repeated before a look at the list",
    code: [{
      file: "core/cleanup/delete_remote.ts",
      find: "    if (resource.inDoubt) {\n",
      replace: '    if (resource.inDoubt && id === "") {\n',
    }],
  },
  {
    mechanism: "a delete without an answer leaves a doubt",
    sql: [{
      function: SETTLE,
      find: "session_in_doubt = q.session_in_doubt or coalesce(r.\"inDoubt\" ? 'session', false)",
      replace: "session_in_doubt = q.session_in_doubt",
    }, {
      function: SETTLE,
      find: "disk_in_doubt = q.disk_in_doubt or coalesce(r.\"inDoubt\" ? 'disk', false)",
      replace: "disk_in_doubt = q.disk_in_doubt",
    }],
  },
  {
    mechanism: "all workers and callers together have a cap on deletes under way",
    sql: [{
      function: "acontext_sessions.free_slots()",
      find: "greatest(0, s.max_remote_deletes",
      replace: "greatest(0, 256",
    }],
  },
  {
    mechanism: "a search by the mark leaves copies alone while the original is there",
    code: [{
      file: "acontext/resources.ts",
      find: "ids.has(sessionId) ? [sessionId] : [...ids]",
      replace: "[...ids]",
    }],
  },
  {
    mechanism: "a lease that ended without a report leaves a doubt",
    sql: [{
      function: LEASE,
      find: "session_in_doubt = q.session_in_doubt or q.lease_id is not null",
      replace: "session_in_doubt = q.session_in_doubt",
    }, {
      function: LEASE,
      find: "disk_in_doubt = q.disk_in_doubt or q.lease_id is not null",
      replace: "disk_in_doubt = q.disk_in_doubt",
    }],
  },
  {
    mechanism: "only the owner can delete",
    sql: [{
      function: REQUEST,
      find: "where s.id = p_session_id and s.user_id = p_user_id",
      replace: "where s.id = p_session_id",
    }],
  },
  {
    mechanism: "no restore after the first claim",
    sql: [{
      function: RESTORE,
      find: "q.first_claimed_at is null",
      replace: "q.id is not null",
    }, {
      function: GUARD,
      find:
        "perform 1 from acontext_sessions.deletion_queue as q\n        where q.id = old.id and q.first_claimed_at is null",
      replace: "perform 1 from acontext_sessions.deletion_queue as q\n        where q.id = old.id",
    }],
  },
  {
    mechanism: "the grace period after a deletion by the owner",
    sql: [{
      function: FIRST_ATTEMPT,
      find: "select s.deletion_grace into v_grace",
      replace: "select interval '0' into v_grace",
    }],
  },
  {
    mechanism: "the grace period after expiry",
    sql: [{
      function: QUEUE_EXPIRED,
      find: "v_now + v_settings.deletion_grace",
      replace: "v_now",
    }],
  },
  {
    mechanism: "nothing expires until a new session_ttl applies to every session",
    sql: [{
      function: QUEUE_DUE,
      find: "not v_run.expires_sessions or acontext_sessions.restamp_sessions",
      replace: "true or acontext_sessions.restamp_sessions",
    }],
  },
  {
    mechanism: "a deletion waits for the caller that is creating the session",
    sql: [{
      function: FIRST_ATTEMPT,
      find: "where p.session_id = p_session_id",
      replace: "where p.session_id is null",
    }],
  },
  {
    mechanism: "failures back off",
    sql: [{
      function: "acontext_sessions.retry_delay(integer)",
      find:
        "least(interval '30 seconds' * power(2, least(greatest(p_attempts, 0), 20)), interval '6 hours')",
      replace: "interval '0'",
    }],
  },
  {
    mechanism: "an unanswered delete is not repeated for a minute",
    backedUp: {
      by:
        "An answer that was lost leaves a doubt, so the list is read before another delete is sent.",
      test: "supabase/tests/deletion_work.test.sql",
    },
    sql: [{
      function: SETTLE,
      find: "when r.disposition = 'defer' then v_now + interval '1 minute'",
      replace: "when r.disposition = 'defer' then v_now",
    }],
  },
  {
    mechanism: "nor is one that was counted as a failure",
    backedUp: {
      by: "As above: a doubt is settled by the list, not by another delete.",
      test: "supabase/tests/deletion_work.test.sql",
    },
    sql: [{
      function: SETTLE,
      find: "case when r.\"underWay\" then interval '1 minute' end",
      replace: "interval '0'",
    }],
  },
  {
    mechanism: "an outage counts no attempt",
    code: [{
      file: "core/cleanup/circuit_breaker.ts",
      find: 'const down = probed.kind !== "done" && this.#state === "half_open";',
      replace: "const down: boolean = false;",
    }],
  },
  {
    mechanism: "a 429 counts no attempt",
    code: [{
      file: "core/cleanup/settlement.ts",
      find: 'default:\n      return "release";',
      replace: 'default:\n      return "retry";',
    }],
  },
];

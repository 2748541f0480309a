/** What protects the binding of what was made, and what becomes of that which cannot be bound. @module */

import type { CodePatch, Mutant, SqlPatch } from "./mutant.ts";

const BEGIN = "public.acontext_begin_session(uuid,uuid,uuid,integer,jsonb,boolean,text,bigint)";
const ACTIVATE = "public.acontext_activate_session(uuid,uuid,uuid,uuid,uuid[],uuid[],boolean)";

/** Of the second layers. */
const CREATION_TEST = "supabase/tests/session_creation.test.sql";

const silentFailure: CodePatch = {
  file: "core/sessions/create_session.ts",
  find: "acontextDiskIds: made.diskIds,",
  replace: "acontextDiskIds: [],",
};
const boundByAnybody: SqlPatch = {
  function: ACTIVATE,
  find:
    "  perform 1 from acontext_sessions.provisioning_leases as p\n    where p.session_id = p_session_id and p.lease_id = p_lease_id;",
  replace:
    "  perform 1 from acontext_sessions.provisioning_leases as p\n    where p.session_id = p_session_id;",
};

export const bindingMutants: Mutant[] = [
  {
    mechanism: "a caller that fails reports what it created",
    code: [silentFailure],
  },
  {
    mechanism: "binding checks the provisioning lease",
    backedUp: {
      by: "The first caller that binds wins. What another caller created is queued whether that " +
        "call succeeds (`acontext_activate_session` answers `active`) or fails " +
        "(`acontext_release_session`). If the caller dies, reconcile examines the session, which " +
        "taking over the lease has marked as uncertain.",
      test: CREATION_TEST,
    },
    sql: [boundByAnybody],
  },
  {
    mechanism: "both: binding checks the lease, a caller that fails reports what it created",
    code: [silentFailure],
    sql: [boundByAnybody],
  },
  {
    mechanism: "what is created for a session that is gone is queued",
    sql: [{
      function: ACTIVATE,
      find: "  if not found then\n    -- Deleted and proven gone",
      replace:
        "  if not found then return jsonb_build_object('outcome', 'deleting');\n    -- Deleted and proven gone",
    }],
  },
  {
    mechanism: "what is created for a session that is being deleted is queued",
    sql: [{
      function: ACTIVATE,
      find: "  if v_session.status = 'deleting' then\n",
      replace:
        "  if v_session.status = 'deleting' then return jsonb_build_object('outcome', 'deleting');\n",
    }],
  },
  {
    mechanism: "a worker that already looked loses its lease when something new appears",
    sql: [{
      function: ACTIVATE,
      find:
        "      lease_id = case when q.lease_id is not null then '00000000-0000-0000-0000-000000000000'::uuid end,\n",
      replace: "",
    }],
  },
  {
    mechanism: "a lease that is taken away leaves a doubt",
    sql: [{
      function: ACTIVATE,
      find:
        "      lease_id = case when q.lease_id is not null then '00000000-0000-0000-0000-000000000000'::uuid end,\n",
      replace: "      lease_id = null,\n      leased_until = null,\n",
    }],
  },
  {
    mechanism: "what is left over when another caller binds first is queued",
    sql: [{
      function: ACTIVATE,
      find: "  if v_session.status = 'active' then\n",
      replace:
        "  if v_session.status = 'active' then return jsonb_build_object('outcome', 'active', 'session', acontext_sessions.session_view(v_session));\n",
    }],
  },
  {
    mechanism: "a resource that the queue names is never bound (taken)",
    backedUp: {
      by:
        "An id that the queue knows cannot begin, and nothing queues what carries the mark of a " +
        "session under creation: `acontext_activate_session` does so only for sessions that are " +
        "gone, deleting or active, reconcile only for those that are gone or active. What remains " +
        "is two transactions at the very same moment, `acontext_begin_session` and a reconcile " +
        "that cannot see it, which `tests/integration/sql_races_creation.test.ts` plays.",
      test: CREATION_TEST,
    },
    sql: [{
      function: ACTIVATE,
      find:
        "where q.acontext_session_id = p_acontext_session_id or q.acontext_disk_id = p_acontext_disk_id",
      replace: "where q.id is null",
    }],
  },
  {
    mechanism: "both: no queued id begins, no queued resource is bound",
    sql: [{
      function: BEGIN,
      find: "where q.origin_id = p_session_id",
      replace: "where q.origin_id is null",
    }, {
      function: ACTIVATE,
      find:
        "where q.acontext_session_id = p_acontext_session_id or q.acontext_disk_id = p_acontext_disk_id",
      replace: "where q.id is null",
    }],
  },
  {
    mechanism: "surplus disks are queued when the session is bound",
    sql: [{
      function: ACTIVATE,
      find: "p_session_id, p_surplus_session_ids, p_surplus_disk_ids, v_session.user_id",
      replace: "p_session_id, '{}', '{}', v_session.user_id",
    }],
  },
  {
    mechanism: "a caller that lost its lease marks its session as uncertain",
    backedUp: {
      by:
        "A caller loses its lease only to a caller that has resumed the session, which marks it " +
        "as uncertain. The mark stays until reconcile has examined the active session, and all " +
        "that the first caller had asked for was sent before that.",
      test: CREATION_TEST,
    },
    sql: [{
      function: ACTIVATE,
      find:
        "values (p_session_id, v_now)\n    on conflict (session_id) do update set since = excluded.since;\n    return",
      replace:
        "select p_session_id, v_now where false\n    on conflict (session_id) do update set since = excluded.since;\n    return",
    }],
  },
  {
    mechanism: "a session whose creation was uncertain is examined later",
    sql: [{ function: ACTIVATE, find: "if p_uncertain then", replace: "if false then" }, {
      function: ACTIVATE,
      find:
        "values (p_session_id, v_now)\n    on conflict (session_id) do update set since = excluded.since;\n    return",
      replace:
        "select p_session_id, v_now where false\n    on conflict (session_id) do update set since = excluded.since;\n    return",
    }, {
      function: BEGIN,
      find: "values (p_session_id, v_now)\n      on conflict (session_id) do update set since",
      replace:
        "select p_session_id, v_now where false\n      on conflict (session_id) do update set since",
    }],
  },
];

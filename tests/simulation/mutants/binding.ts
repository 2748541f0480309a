/** What protects the binding of what was made, and what becomes of that which cannot be bound. @module */

import type { CodePatch, Mutant, SqlPatch } from "./mutant.ts";

const BEGIN = "public.acontext_begin_session(uuid,uuid,uuid,integer,jsonb,boolean,text,bigint)";
const ACTIVATE = "public.acontext_activate_session(uuid,uuid,uuid,uuid,uuid[],uuid[],boolean)";

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
    mechanism: "a caller that fails says what it made",
    code: [silentFailure],
  },
  {
    mechanism: "binding checks the provisioning lease",
    backedUp: "what another caller made is queued, whether it succeeds or fails",
    sql: [boundByAnybody],
  },
  {
    mechanism: "both: binding checks the lease, a caller that fails says what it made",
    code: [silentFailure],
    sql: [boundByAnybody],
  },
  {
    mechanism: "what is made for a session that is gone is queued",
    sql: [{
      function: ACTIVATE,
      find: "  if not found then\n    -- Deleted and proven gone",
      replace:
        "  if not found then return jsonb_build_object('outcome', 'deleting');\n    -- Deleted and proven gone",
    }],
  },
  {
    mechanism: "what is made for a session that is being deleted is queued",
    sql: [{
      function: ACTIVATE,
      find: "  if v_session.status = 'deleting' then\n",
      replace:
        "  if v_session.status = 'deleting' then return jsonb_build_object('outcome', 'deleting');\n",
    }],
  },
  {
    mechanism: "a worker that looked before loses its lease when something comes to be",
    sql: [{
      function: ACTIVATE,
      find: "      lease_id = null,\n      leased_until = null,\n",
      replace: "",
    }],
  },
  {
    mechanism: "what another caller bound first leaves over is queued",
    sql: [{
      function: ACTIVATE,
      find: "  if v_session.status = 'active' then\n",
      replace:
        "  if v_session.status = 'active' then return jsonb_build_object('outcome', 'active', 'session', acontext_sessions.session_view(v_session));\n",
    }],
  },
  {
    mechanism: "a resource that the queue names is never bound (taken)",
    backedUp: "no id begins while the queue names it; both together: next line",
    sql: [{
      function: ACTIVATE,
      find:
        "where q.acontext_session_id = p_acontext_session_id or q.acontext_disk_id = p_acontext_disk_id",
      replace: "where q.id is null",
    }],
  },
  {
    mechanism: "both: nothing in the queue begins, nothing in the queue is bound",
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
    mechanism: "a caller that lost its lease leaves its session to be looked into",
    backedUp: "whoever took over has resumed, which says so already",
    sql: [{
      function: ACTIVATE,
      find:
        "values (p_session_id, v_now)\n    on conflict (session_id) do update set since = excluded.since;\n    return",
      replace:
        "select p_session_id, v_now where false\n    on conflict (session_id) do update set since = excluded.since;\n    return",
    }],
  },
  {
    mechanism: "a session whose making was uncertain is looked into later",
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

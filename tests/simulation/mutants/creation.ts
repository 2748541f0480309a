/** What protects the making of a session. @module */

import type { CodePatch, Mutant, SqlPatch } from "./mutant.ts";

const BEGIN = "public.begin_session(uuid,uuid,uuid,integer,jsonb,boolean,text,bigint)";
const ACTIVATE = "public.activate_session(uuid,uuid,uuid,uuid,uuid[],uuid[],boolean)";

const silentFailure: CodePatch = {
  file: "core/create_session.ts",
  find: "acontextDiskIds: made.diskIds,",
  replace: "acontextDiskIds: [],",
};
const boundByAnybody: SqlPatch = {
  function: ACTIVATE,
  find:
    "  perform 1 from private.provisioning_leases as p\n    where p.session_id = p_session_id and p.lease_id = p_lease_id;",
  replace:
    "  perform 1 from private.provisioning_leases as p\n    where p.session_id = p_session_id;",
};

export const creationMutants: Mutant[] = [
  {
    mechanism: "the row is written before anything remote",
    code: [{
      file: "core/create_session.ts",
      find: "  const begun = await beginWhenFree(deps, wanted, lease);\n",
      replace: `  const early = await makeResources(deps, {
    sessionId: wanted.sessionId, resumed: false, deadline: lease.deadline,
  });
  const begun = await beginWhenFree(deps, wanted, lease);
`,
    }, {
      file: "core/create_session.ts",
      find: "const made = await makeResources(deps, {",
      replace: "const made = early ?? await makeResources(deps, {",
    }],
  },
  {
    mechanism: "the remote session's id is the row's id (use_uuid)",
    code: [{
      file: "acontext.ts",
      find: "jsonData: { use_uuid: sessionId, configs:",
      replace: "jsonData: { configs:",
    }],
  },
  {
    mechanism: "the remote session carries the mark",
    code: [{
      file: "acontext.ts",
      find: "configs: sessionMark(namespace, sessionId) }",
      replace: "configs: {} }",
    }],
  },
  {
    mechanism: "the disk carries the owner label",
    code: [{
      file: "acontext.ts",
      find: "jsonData: { user: diskLabel(namespace, sessionId) }",
      replace: "jsonData: {}",
    }],
  },
  {
    mechanism: "after a lost answer, what was made is looked for",
    code: [{
      file: "core/make_resources.ts",
      find: "  const found = await findMade(resource);\n  return found ?? made;",
      replace: "  return made;",
    }],
  },
  {
    mechanism: "a resumed call looks before it makes",
    code: [{
      file: "core/make_resources.ts",
      find: "if (resource.resumed) {",
      replace: "if (resource.resumed && !resource.mayMake()) {",
    }],
  },
  {
    mechanism: "nothing is made after the lease's deadline",
    code: [{
      file: "core/make_resources.ts",
      find: "const mayMake = () => clock.now() <= deadline;",
      replace: "const mayMake = () => clock.now() <= deadline + 1e9;",
    }],
  },
  {
    mechanism: "one caller at a time makes a session (provisioning lease)",
    sql: [{
      function: BEGIN,
      find: "where p.session_id = p_session_id and p.leased_until > v_now;",
      replace: "where p.session_id is null;",
    }],
  },
  {
    mechanism: "a session that is being made again is not stale",
    sql: [{
      function: BEGIN,
      find: "set last_activity_at = v_now",
      replace: "set last_activity_at = s.last_activity_at",
    }],
  },
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
    mechanism: "no id lives twice",
    sql: [{
      function: BEGIN,
      find: "where l.origin_id = p_session_id",
      replace: "where l.origin_id is null",
    }],
  },
  {
    mechanism: "no id lives while the queue names something of its earlier life",
    sql: [{
      function: BEGIN,
      find: "where q.origin_id = p_session_id",
      replace: "where q.origin_id is null",
    }],
  },
  {
    mechanism: "receipts stay until reconcile is past them",
    sql: [{
      function: "private.purge_cleanup_history()",
      find: "and d.finished_at < (select t.reconciled_until from private.reconcile_state as t)",
      replace: "",
    }],
  },
  {
    mechanism: "an existing remote session without our mark is refused",
    code: [{
      file: "acontext.ts",
      find: "if (reply.httpStatus === 200 && !carriesMark(",
      replace: "if (reply.httpStatus === 299 && !carriesMark(",
    }],
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
        "  if v_session.status = 'active' then return jsonb_build_object('outcome', 'active', 'session', private.session_view(v_session));\n",
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

/** What protects expiry, runs and reconcile. @module */

import type { CodePatch, Mutant, SqlPatch } from "./mutant.ts";

const ORPHANS = "acontext_sessions.queue_orphans(uuid,uuid[],uuid[],uuid)";
const UNKNOWN_SESSIONS = "public.acontext_find_unknown_sessions(jsonb)";
const UNKNOWN_DISKS = "public.acontext_find_unknown_disks(jsonb)";
const SAVE =
  "public.acontext_save_reconcile_progress(uuid,acontext_sessions.reconcile_phase,jsonb,jsonb,uuid[],boolean,text,integer,integer,integer)";

/** Of the second layers. */
const LEFT_ALONE =
  "Reconcile leaves alone what belongs to a session that is being deleted, and a session stays uncertain as long as " +
  "more than one of its disks is left alone. So the mark that the restoration sets finds one that was never taken away.";

const certainAnyway: CodePatch = {
  file: "core/reconcile/walk.ts",
  find: 'if (typeof left === "number" && left <= 1) this.checked.push(originId);',
  replace: 'if (typeof left === "number") this.checked.push(originId);',
};
const restoredCertain: SqlPatch = {
  function: "public.acontext_restore_session(uuid,uuid)",
  find: "values (p_session_id, acontext_sessions.clock())",
  replace: "select p_session_id, acontext_sessions.clock() where false",
};
const clearsNewer: SqlPatch = {
  function: SAVE,
  find: "u.since <= v_now - 2 *",
  replace: "u.since <= v_now - 0 *",
};

export const sweepMutants: Mutant[] = [
  {
    mechanism: "a suspicious mass expiry is stopped",
    sql: [{
      function: "acontext_sessions.expiry_allowed(boolean)",
      find: "return v_others >= v_enough;",
      replace: "return true;",
    }],
  },
  {
    mechanism: "what many owners have that would expire at once is held back",
    sql: [{
      function: "acontext_sessions.expiry_scope(boolean)",
      find: "return 'own';",
      replace: "return 'all';",
    }],
  },
  {
    mechanism: "what one owner has many of that would expire at once is held back",
    sql: [{
      function: "acontext_sessions.queue_expired(integer,text)",
      find: "or s.user_id not in (select h from acontext_sessions.heavy_owners() as h)",
      replace: "or s.user_id is not null",
    }],
  },
  {
    mechanism: "a run is executed once, however often it is delivered",
    sql: [{
      function: "public.acontext_start_sweep(uuid,boolean)",
      find: "where r.status = 'requested'",
      replace: "where r.id is not null",
    }],
  },
  {
    mechanism: "a sweep that made no progress calls no successor",
    sql: [{
      function: "public.acontext_finish_sweep(uuid,jsonb)",
      find: "v_remaining > 0 and v_got_on and",
      replace: "v_remaining > 0 and",
    }],
  },
  {
    mechanism: "a reconcile run that made no progress calls no successor",
    sql: [{
      function: "public.acontext_finish_reconcile(uuid,jsonb)",
      find: "v_got_on and v_run",
      replace: "v_run",
    }],
  },
  {
    mechanism: "reconcile stops when too much is unknown",
    code: [{
      file: "core/reconcile/reconcile.ts",
      find: "  return unknown > 0 &&\n",
      replace: "  return unknown < 0 &&\n",
    }],
  },
  {
    mechanism: "reconcile leaves alone what a session holds",
    sql: [{
      function: UNKNOWN_DISKS,
      find: "where s.acontext_disk_id = i.id",
      replace: "where s.id is null",
    }, {
      function: ORPHANS,
      find: "where s.acontext_disk_id = i",
      replace: "where s.id is null",
    }],
  },
  {
    mechanism: "reconcile leaves alone what is being created",
    sql: [{
      function: UNKNOWN_SESSIONS,
      find: `where s.id = i."originId" and s.status <> 'active'`,
      replace: "where s.id is null",
    }, {
      function: UNKNOWN_DISKS,
      find: `where s.id = i."originId" and s.status <> 'active'`,
      replace: "where s.id is null",
    }],
  },
  {
    mechanism: "reconcile leaves copies alone while the original's session is there",
    sql: [{
      function: UNKNOWN_SESSIONS,
      find: `where s.id = i."originId" and s.acontext_session_id = s.id`,
      replace: "where s.id is null",
    }],
  },
  {
    mechanism: "an orphan is too old to be still under creation",
    sql: [{
      function: UNKNOWN_SESSIONS,
      find: `i."createdAt" <= acontext_sessions.clock() - t.orphan_grace`,
      replace: "true",
    }, {
      function: UNKNOWN_DISKS,
      find: `i."createdAt" <= acontext_sessions.clock() - t.orphan_grace`,
      replace: "true",
    }],
  },
  {
    mechanism: "a session stays uncertain while a disk of it is too young to be judged",
    code: [certainAnyway],
  },
  {
    mechanism: "an uncertain session is examined only after late requests have landed",
    sql: [{
      function: "public.acontext_list_uncertain_sessions(uuid,integer)",
      find: "u.since <= acontext_sessions.clock() - ",
      replace: "u.since <= acontext_sessions.clock() - 0 * ",
    }, {
      function: SAVE,
      find: "u.since <= v_now - 2 *",
      replace: "u.since <= v_now - 0 *",
    }],
  },
  {
    mechanism: "a restored session is examined, as reconcile skipped it meanwhile",
    backedUp: {
      by: LEFT_ALONE,
      test: "supabase/tests/reconcile.test.sql",
    },
    sql: [restoredCertain],
  },
  {
    mechanism: "both: a restored session is examined, what is left alone stays uncertain",
    code: [certainAnyway],
    sql: [restoredCertain],
  },
  {
    mechanism: "a reconcile run clears no uncertainty newer than its own examination",
    backedUp: {
      by:
        "As above: what makes a session uncertain anew while reconcile examines it is its restoration.",
      test: "supabase/tests/reconcile.test.sql",
    },
    sql: [clearsNewer],
  },
  {
    mechanism: "both: no newer uncertainty is cleared, what is left alone stays uncertain",
    code: [certainAnyway],
    sql: [clearsNewer],
  },
  {
    mechanism: "the mark names the namespace",
    code: [{
      file: "acontext/schemas.ts",
      find: '"namespace" in mark && mark.namespace === namespace &&',
      replace: '"namespace" in mark &&',
    }, {
      file: "acontext/schemas.ts",
      find: "      namespace,\n      ...(sessionId === undefined",
      replace: "      ...(sessionId === undefined",
    }],
  },
  {
    mechanism: "the label names the namespace",
    code: [{
      file: "acontext/schemas.ts",
      find:
        'const prefix = diskLabel(namespace, "");\n  const rest = label.slice(prefix.length);\n  return label.startsWith(prefix) && isId(rest) ? rest : null;',
      replace:
        'const rest = label.slice(label.indexOf(":") + 1);\n  return isId(rest) ? rest : null;',
    }, {
      file: "acontext/schemas.ts",
      find: "return `${namespace}:${sessionId}`;",
      replace: "return `simulation-2:${sessionId}`;",
    }],
  },
  {
    mechanism: "a list that ignored the label filter is not trusted",
    code: [{
      file: "acontext/labels.ts",
      find: "value: answer.value.items.length === 0 }",
      replace: "value: answer.value.items.length >= 0 }",
    }],
  },
  {
    mechanism: "a label is removed only when it owns nothing",
    code: [{
      file: "core/reconcile/walk.ts",
      find: "if (!valueOf(await catalog.isUnused(originId))) {",
      replace: "if (originId === null) {",
    }],
  },
];

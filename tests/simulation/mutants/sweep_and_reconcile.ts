/** What protects expiry, runs and reconcile. @module */

import type { Mutant } from "./mutant.ts";

const ORPHANS = "private.queue_orphans(uuid,uuid[],uuid[],uuid)";
const UNKNOWN_SESSIONS = "public.find_unknown_sessions(jsonb)";
const UNKNOWN_DISKS = "public.find_unknown_disks(jsonb)";
const SAVE =
  "public.save_reconcile_progress(uuid,private.reconcile_phase,jsonb,jsonb,uuid[],boolean,text,integer,integer)";

export const sweepMutants: Mutant[] = [
  {
    mechanism: "a suspicious mass expiry is stopped",
    sql: [{
      function: "private.expiry_allowed(boolean)",
      find: "return v_others >= v_enough;",
      replace: "return true;",
    }],
  },
  {
    mechanism: "a run is executed once, however often it is delivered",
    sql: [{
      function: "public.start_cleanup_run(uuid,boolean)",
      find: "where r.status = 'requested'",
      replace: "where r.id is not null",
    }],
  },
  {
    mechanism: "a sweep that made no progress calls no successor",
    sql: [{
      function: "public.finish_cleanup_run(uuid,jsonb)",
      find: "v_remaining > 0 and v_got_on and",
      replace: "v_remaining > 0 and",
    }],
  },
  {
    mechanism: "a reconcile run that made no progress calls no successor",
    sql: [{
      function: "public.finish_reconcile_run(uuid,jsonb)",
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
    mechanism: "an orphan is too old to be still under creation",
    sql: [{
      function: UNKNOWN_SESSIONS,
      find: `where i."createdAt" <= private.clock() - t.orphan_grace`,
      replace: "where true",
    }, {
      function: UNKNOWN_DISKS,
      find: `where i."createdAt" <= private.clock() - t.orphan_grace`,
      replace: "where true",
    }],
  },
  {
    mechanism: "an uncertain session is examined only after late requests have landed",
    sql: [{
      function: "public.list_uncertain_sessions(uuid,integer)",
      find: "u.since <= private.clock() - ",
      replace: "u.since <= private.clock() - 0 * ",
    }, {
      function: SAVE,
      find: "u.since <= v_now - 2 *",
      replace: "u.since <= v_now - 0 *",
    }],
  },
  {
    mechanism: "a restored session is examined, as reconcile skipped it meanwhile",
    sql: [{
      function: "public.restore_session(uuid,uuid)",
      find: "values (p_session_id, private.clock())",
      replace: "select p_session_id, private.clock() where false",
    }],
  },
  {
    mechanism: "a reconcile run clears no uncertainty newer than its own examination",
    sql: [{
      function: SAVE,
      find: "u.since <= v_now - 2 *",
      replace: "u.since <= v_now - 0 *",
    }],
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

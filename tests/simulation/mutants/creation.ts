/** What protects the making of a session, up to its binding. @module */

import type { Mutant } from "./mutant.ts";

const BEGIN = "public.acontext_begin_session(uuid,uuid,uuid,integer,jsonb,boolean,text,bigint)";

export const creationMutants: Mutant[] = [
  {
    mechanism: "the row is written before anything remote",
    code: [{
      file: "core/sessions/create_session.ts",
      find: "  const begun = await beginWhenFree(deps, wanted, lease);\n",
      replace: `  const early = await makeResources(deps, {
    sessionId: wanted.sessionId, resumed: false, deadline: lease.deadline,
  });
  const begun = await beginWhenFree(deps, wanted, lease);
`,
    }, {
      file: "core/sessions/create_session.ts",
      find: "made = await makeResources(deps, {",
      replace: "made = early ?? await makeResources(deps, {",
    }],
  },
  {
    mechanism: "the remote session's id is the row's id (use_uuid)",
    code: [{
      file: "acontext/resources.ts",
      find: "          use_uuid: sessionId,\n",
      replace: "",
    }],
  },
  {
    mechanism: "the remote session carries the mark",
    code: [{
      file: "acontext/resources.ts",
      find: "configs: sessionMark(namespace, sessionId),",
      replace: "configs: {},",
    }],
  },
  {
    mechanism: "the disk carries the owner label",
    code: [{
      file: "acontext/resources.ts",
      find: "jsonData: { user: diskLabel(namespace, sessionId) }",
      replace: "jsonData: {}",
    }],
  },
  {
    mechanism: "after a lost answer, the caller searches for what was created",
    code: [{
      file: "core/sessions/make_resources.ts",
      find: "  const found = await findMade(resource);\n  return found ?? made;",
      replace: "  return made;",
    }],
  },
  {
    mechanism: "a resumed call searches before it creates",
    code: [{
      file: "core/sessions/make_resources.ts",
      find: "if (resource.resumed) {",
      replace: "if (resource.resumed && !resource.mayMake()) {",
    }],
  },
  {
    mechanism: "nothing is created after the lease's deadline",
    code: [{
      file: "core/sessions/make_resources.ts",
      find: "const mayMake = () => clock.now() <= deadline;",
      replace: "const mayMake = () => clock.now() <= deadline + 1e9;",
    }],
  },
  {
    mechanism: "one caller at a time creates a session (provisioning lease)",
    sql: [{
      function: BEGIN,
      find: "where p.session_id = p_session_id and p.leased_until > v_now;",
      replace: "where p.session_id is null;",
    }],
  },
  {
    mechanism: "a session whose creation was resumed is not stale",
    sql: [{
      function: BEGIN,
      find: "set last_activity_at = v_now",
      replace: "set last_activity_at = s.last_activity_at",
    }],
  },
  {
    mechanism: "an id is never used twice",
    sql: [{
      function: BEGIN,
      find: "where l.origin_id = p_session_id",
      replace: "where l.origin_id is null",
    }],
  },
  {
    mechanism: "an id is not reused while the queue names anything of its earlier session",
    sql: [{
      function: BEGIN,
      find: "where q.origin_id = p_session_id",
      replace: "where q.origin_id is null",
    }],
  },
  {
    mechanism: "receipts are kept until reconcile has passed them",
    sql: [{
      function: "acontext_sessions.purge_history()",
      find:
        "and d.finished_at < (select t.reconciled_until from acontext_sessions.reconcile_state as t)",
      replace: "",
    }],
  },
  {
    mechanism: "an existing remote session without our mark is refused",
    code: [{
      file: "acontext/resources.ts",
      find: "if (reply.httpStatus === 200 && !carriesMark(",
      replace: "if (reply.httpStatus === 299 && !carriesMark(",
    }],
  },
];

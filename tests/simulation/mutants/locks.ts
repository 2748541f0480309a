/** What keeps two transactions that meet from deciding by what the other is just changing. @module */

import type { Mutant } from "./mutant.ts";

const BEGIN = "public.acontext_begin_session(uuid,uuid,uuid,integer,jsonb,boolean,text,bigint)";
const CLAIM = "public.acontext_claim_deletions(uuid,integer,integer,integer)";
const REQUEST = "public.acontext_request_session_deletion(uuid,uuid,uuid,integer,integer)";
const QUEUE_EXPIRED = "acontext_sessions.queue_expired(integer,text)";

export const lockMutants: Mutant[] = [
  {
    mechanism: "a claim locks what it takes (skip locked)",
    sql: [{ function: CLAIM, find: "    for update skip locked\n", replace: "" }],
  },
  {
    mechanism: "a delete request locks the queue entry that it looks at",
    sql: [{
      function: REQUEST,
      find: "where q.id = p_session_id for update;",
      replace: "where q.id = p_session_id;",
    }],
  },
  {
    mechanism: "a restore locks the queue entry that it finds unclaimed",
    sql: [{
      function: "public.acontext_restore_session(uuid,uuid)",
      find: "v_session.acontext_disk_id is not null\n    for update;",
      replace: "v_session.acontext_disk_id is not null;",
    }, {
      function: "acontext_sessions.guard_session_change()",
      find: "\n        for update;",
      replace: ";",
    }],
  },
  {
    mechanism: "a session is locked by whoever binds what was created",
    backedUp: {
      by:
        "The trigger `guard_session_change` refuses to make a session active that somebody else has just deleted.",
      test: "tests/integration/sql_races_creation.test.ts",
    },
    sql: [{
      function: "public.acontext_activate_session(uuid,uuid,uuid,uuid,uuid[],uuid[],boolean)",
      find: "where s.id = p_session_id for update;",
      replace: "where s.id = p_session_id;",
    }],
  },
  {
    mechanism: "a session is locked by whoever begins to create it",
    sql: [{
      function: BEGIN,
      find: "where s.id = p_session_id for update;",
      replace: "where s.id = p_session_id;",
    }],
  },
  {
    mechanism: "a sweep locks the session that it finds expired (skip locked)",
    sql: [{
      function: QUEUE_EXPIRED,
      find: "order by s.expires_at, s.id\n      limit p_limit\n      for update skip locked",
      replace: "order by s.expires_at, s.id\n      limit p_limit",
    }],
  },
  {
    mechanism: "one at a time is given slots for deletes",
    sql: [{
      statement: `create or replace function acontext_sessions.lock_slots() returns void
        language sql security invoker set search_path = '' as $$ select null::void $$`,
    }],
  },
];

/** What protects against SQL. @module */

import type { Mutant } from "./mutant.ts";

const drop = (trigger: string, table: string) => ({
  statement: `drop trigger ${trigger} on ${table}`,
});
const ROWS = "public.session_mappings";
const QUEUE = "acontext_sessions.deletion_queue";

export const guardMutants: Mutant[] = [
  { mechanism: "deleting a row queues it instead", sql: [drop("guard_session_delete", ROWS)] },
  {
    mechanism: "ids, owner and status follow the rules",
    sql: [drop("guard_session_change", ROWS)],
  },
  {
    mechanism: "a session that becomes deleting is queued",
    sql: [drop("follow_session_status", ROWS)],
  },
  {
    mechanism: "a queue entry leaves only when proven gone",
    sql: [drop("guard_queue_change", QUEUE)],
  },
  { mechanism: "truncating the sessions is refused", sql: [drop("refuse_truncate", ROWS)] },
  { mechanism: "truncating the queue is refused", sql: [drop("refuse_truncate", QUEUE)] },
  {
    mechanism: "erasing a user queues the user's sessions",
    sql: [{
      function: "acontext_sessions.guard_session_change()",
      find: "    new.status := 'deleting';\n",
      replace: "",
    }],
  },
  {
    mechanism: "a remote id never changes once it is bound",
    sql: [{
      function: "acontext_sessions.guard_session_change()",
      find: "      and new.acontext_disk_id is distinct from old.acontext_disk_id)",
      replace: "      and false)",
    }],
  },
  {
    mechanism: "two sessions never share a resource",
    sql: [{
      statement: `alter table ${ROWS} drop constraint acontext_session_id_is_not_shared,
        drop constraint acontext_disk_id_is_not_shared`,
    }, {
      function: "acontext_sessions.guard_session_change()",
      find: "if new.status <> 'provisioning'",
      replace: "if new.status is null",
    }, {
      function: "acontext_sessions.guard_session_change()",
      find: "or new.acontext_session_id is not null or new.acontext_disk_id is not null",
      replace: "",
    }],
  },
];

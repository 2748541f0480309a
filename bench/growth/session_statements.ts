/** Statements of the functions for sessions: for every message, load, create, delete and restore. @module */

import { type Attempt, expect, LEASE, type Statement } from "./attempt.ts";
import type { StatementKey } from "./result.ts";

const HASH = "0123456789abcdef".repeat(4);

export const sessionStatements: Statement[] = [
  useStatement("use", "use (`acontext_use_session`, nothing written)", {
    p_touch: false,
    p_new_messages: 0,
  }),
  useStatement("touch", "touch (`acontext_use_session`, new message)", {
    p_touch: true,
    p_new_messages: 1,
  }),
  {
    key: "keyedMessage",
    name: "message with a key (`acontext_begin_message`, `acontext_settle_message`)",
    hot: true,
    role: "service_role",
    async run({ target, measure }) {
      const begun = await measure("acontext_begin_message", {
        p_user_id: target.userId,
        p_session_id: target.id,
        p_key_hash: HASH,
        p_body_hash: HASH,
        ...LEASE,
      });
      expect(begun, { outcome: "started" });
      const settled = await measure("acontext_settle_message", {
        p_session_id: target.id,
        p_result: "stored",
        p_lease_id: LEASE.p_lease_id,
        p_key_hash: HASH,
        p_message_id: crypto.randomUUID(),
        p_message_created_at: new Date().toISOString(),
      });
      expect(settled, { active: true });
    },
  },
  {
    key: "create",
    name: "create (`acontext_begin_session`, `acontext_activate_session`)",
    hot: true,
    role: "service_role",
    async run({ target, measure }) {
      const id = crypto.randomUUID();
      const begun = await measure("acontext_begin_session", {
        p_user_id: target.userId,
        p_session_id: id,
        p_metadata: { topic: "growth" },
        p_pinned: false,
        p_title: "A new conversation",
        ...LEASE,
      });
      expect(begun, { outcome: "started" });
      const activated = await measure("acontext_activate_session", {
        p_session_id: id,
        p_lease_id: LEASE.p_lease_id,
        p_acontext_session_id: id,
        p_acontext_disk_id: crypto.randomUUID(),
        p_surplus_session_ids: [],
        p_surplus_disk_ids: [],
        p_uncertain: false,
      });
      expect(activated, { outcome: "active" });
    },
  },
  {
    key: "delete",
    name: "delete (`acontext_request_session_deletion`)",
    hot: true,
    role: "service_role",
    async run({ target, measure }) {
      expect(await requestDeletion(target, measure), { outcome: "claimed" });
    },
  },
  {
    key: "restore",
    name: "restore (`acontext_restore_session`)",
    hot: true,
    role: "service_role",
    setUp: "update acontext_sessions.settings set deletion_grace = interval '7 days'",
    async run({ target, prepare, measure }) {
      expect(await requestDeletion(target, prepare), { outcome: "queued" });
      const answer = await measure("acontext_restore_session", {
        p_user_id: target.userId,
        p_session_id: target.id,
      });
      expect(answer, { outcome: "restored" });
    },
  },
];

function useStatement(
  key: StatementKey,
  name: string,
  how: { p_touch: boolean; p_new_messages: number },
): Statement {
  return {
    key,
    name,
    hot: true,
    role: "service_role",
    async run({ target: { id, userId }, measure }) {
      const answer = await measure("acontext_use_session", {
        p_user_id: userId,
        p_session_id: id,
        ...how,
      });
      expect(answer, { outcome: "ok" });
    },
  };
}

async function requestDeletion(
  { id, userId }: Attempt["target"],
  how: Attempt["measure"],
): Promise<unknown> {
  return await how("acontext_request_session_deletion", {
    p_user_id: userId,
    p_session_id: id,
    ...LEASE,
  });
}

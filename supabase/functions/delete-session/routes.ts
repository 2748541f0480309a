import type { DeleteAnswer } from "../_acontext_sessions/contract/answers.ts";
import type { SessionKey, SessionView } from "../_acontext_sessions/core/sessions/ports.ts";
import type { User } from "../_acontext_sessions/http/auth.ts";
import type { Handler, Routes } from "../_acontext_sessions/http/serve.ts";

/** What the routes call. */
export interface Actions {
  remove(key: SessionKey): Promise<{ deleted: boolean }>;
  restore(key: SessionKey): Promise<SessionView>;
}

/** 200 when both remote resources are proven gone, 202 when the sweep has to finish it. */
export function routes({ remove, restore }: Actions): Routes<User> {
  const removeOne: Handler<User> = async ({ caller, id }) => {
    const { deleted } = await remove({ userId: caller.userId, sessionId: id() });
    const body: DeleteAnswer = deleted ? { deleted } : { deleted: false, status: "deleting" };
    return { status: deleted ? 200 : 202, body };
  };
  return {
    "DELETE /:id": removeOne,
    "POST /:id": removeOne,
    async "POST /:id/restore"({ caller, id }) {
      return { status: 200, body: await restore({ userId: caller.userId, sessionId: id() }) };
    },
  };
}

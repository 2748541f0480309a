import {
  type CreateSessionBody,
  createSessionBody,
} from "../_acontext_sessions/contract/sessions.ts";
import type { SessionView } from "../_acontext_sessions/core/sessions/ports.ts";
import type { User } from "../_acontext_sessions/http/auth.ts";
import type { Routes } from "../_acontext_sessions/http/serve.ts";

/** What the routes call; `id` is there when the client chose one. */
export interface Actions {
  create(input: CreateInput): Promise<{ created: boolean; session: SessionView }>;
}

export type CreateInput = Omit<CreateSessionBody, "id"> & { userId: string; id?: string };

/** 201 with a new session, 200 with the one that already has the id. */
export function routes({ create }: Actions): Routes<User> {
  return {
    async "POST /"({ caller, body }) {
      const { id, ...fields } = await body(createSessionBody);
      const { created, session } = await create({
        ...fields,
        ...(id === undefined ? {} : { id }),
        userId: caller.userId,
      });
      return { status: created ? 201 : 200, body: session };
    },
  };
}

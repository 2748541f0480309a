/** Calls of the functions over HTTP, as plain as a client can make them. @module */

import { assertEquals } from "@std/assert/mod.js";
import { z } from "zod";
import type { StackInfo } from "../../support/stack_info.ts";
import type { TestUser } from "./users.ts";

export interface Answer {
  status: number;
  headers: Headers;
  /** Parsed JSON; null when there is no body. */
  body: unknown;
}

export type FunctionName =
  | "create-session"
  | "delete-session"
  | "cleanup-sessions"
  | "session-health"
  | "session-messages"
  | "session-files";

const sessionSchema = z.strictObject({
  id: z.uuid(),
  status: z.string(),
  title: z.string().nullable(),
  metadata: z.record(z.string(), z.json()),
  pinned: z.boolean(),
  ttl: z.int().nullable(),
  messageCount: z.int(),
  acontextSessionId: z.uuid(),
  acontextDiskId: z.uuid(),
  createdAt: z.iso.datetime({ offset: true }),
  updatedAt: z.iso.datetime({ offset: true }),
  lastActivityAt: z.iso.datetime({ offset: true }),
  expiresAt: z.iso.datetime({ offset: true }).nullable(),
});

const errorSchema = z.strictObject({
  code: z.string(),
  message: z.string(),
  details: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
  hint: z.string().optional(),
  requestId: z.string().optional(),
});

const reportSchema = z.strictObject({
  runId: z.uuid(),
  total: z.int(),
  deleted: z.int(),
  failed: z.int(),
  deferred: z.int(),
  remaining: z.int(),
  heldBack: z.int().optional(),
  errors: z.array(z.strictObject({ id: z.uuid(), error: z.string() })),
  stopReason: z.string(),
});

const reconcileReportSchema = z.strictObject({
  runId: z.uuid(),
  seen: z.int(),
  unknown: z.int(),
  queued: z.int(),
  labelsRemoved: z.int(),
  skipped: z.int(),
  stopReason: z.string(),
  errors: z.array(z.strictObject({ id: z.uuid(), error: z.string() })),
  found: z.array(z.strictObject({
    kind: z.enum(["session", "disk"]),
    id: z.uuid(),
    originId: z.uuid(),
    createdAt: z.iso.datetime({ offset: true }),
  })),
});

export type Session = z.infer<typeof sessionSchema>;
export type Report = z.infer<typeof reportSchema>;
export type ReconcileReport = z.infer<typeof reconcileReportSchema>;

export interface CleanupBody {
  runId?: string;
  dryRun?: boolean;
  background?: boolean;
  force?: boolean;
  limit?: number;
}

export interface ReconcileBody {
  runId?: string;
  dryRun?: boolean;
  force?: boolean;
}

export function createCalls({ apiUrl, secretKey }: StackInfo) {
  async function call(name: FunctionName, path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(`${apiUrl}/functions/v1/${name}${path}`, init);
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: text === "" ? null : JSON.parse(text),
    };
  }

  const bearer = (user: TestUser) => ({ authorization: `Bearer ${user.token}` });

  function create(user: TestUser, body: Record<string, unknown> = {}): Promise<Answer> {
    return call("create-session", "", {
      method: "POST",
      headers: { ...bearer(user), "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  function remove(
    user: TestUser,
    id: string,
    method: "POST" | "DELETE" = "DELETE",
  ): Promise<Answer> {
    return call("delete-session", `/${id}`, { method, headers: bearer(user) });
  }

  function cleanup(
    body: CleanupBody | ReconcileBody & { task: "reconcile" } = {},
  ): Promise<Answer> {
    return call("cleanup-sessions", "", {
      method: "POST",
      headers: { apikey: secretKey, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  return {
    call,
    bearer,
    create,
    remove,
    cleanup,

    restore: (user: TestUser, id: string): Promise<Answer> =>
      call("delete-session", `/${id}/restore`, { method: "POST", headers: bearer(user) }),

    /** A session that is there when this returns. */
    async created(user: TestUser, body?: Record<string, unknown>): Promise<Session> {
      const answer = await create(user, body);
      assertEquals(answer.status, 201, JSON.stringify(answer.body));
      return sessionOf(answer);
    },

    /** So many sessions, made a few at a time. */
    async createdMany(user: TestUser, count: number): Promise<Session[]> {
      const sessions: Session[] = [];
      const makeSome = async () => {
        while (sessions.length + making < count) {
          making++;
          const session = sessionOf(await create(user));
          making--;
          sessions.push(session);
        }
      };
      let making = 0;
      await Promise.all(Array.from({ length: Math.min(count, 8) }, makeSome));
      return sessions;
    },

    /** A cleanup that ran to its end. */
    async swept(body?: CleanupBody): Promise<Report> {
      const answer = await cleanup(body);
      assertEquals(answer.status, 200, JSON.stringify(answer.body));
      return reportSchema.parse(answer.body);
    },

    /** A reconcile that ran to its end. */
    async reconciled(body?: ReconcileBody): Promise<ReconcileReport> {
      const answer = await cleanup({ task: "reconcile", ...body });
      assertEquals(answer.status, 200, JSON.stringify(answer.body));
      return reconcileReportSchema.parse(answer.body);
    },
  };
}

export type Calls = ReturnType<typeof createCalls>;

export function sessionOf(answer: Answer): Session {
  return sessionSchema.parse(answer.body);
}

/** Checks status and code of an error of ours, and that a page of any origin could have read it. */
export function assertRefused(answer: Answer, status: number, code: string) {
  const error = errorSchema.parse(answer.body);
  assertEquals({ status: answer.status, code: error.code }, { status, code });
  assertEquals(answer.headers.get("access-control-allow-origin"), "*");
  return error;
}

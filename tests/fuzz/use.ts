/** Whether the sessions of somebody still work, each with every function, the table and the client. @module */

import { createSessionsClient } from "acontext-sessions-client";
import type { Database } from "../integration/support/database.ts";
import { createCalls } from "../integration/support/functions.ts";
import type { TestUser } from "../integration/support/users.ts";
import { type Cast, FILE } from "./cast.ts";
import type { StackInfo } from "../support/stack_info.ts";

const AT_A_TIME = 8;

interface Row {
  id: string;
  status: string;
  expired: boolean;
}

export async function inParallel<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

export function createUse(info: StackInfo, { sql }: Database) {
  const { call, bearer, create, remove, restore } = createCalls(info);

  function rowsOf(user: TestUser): Promise<Row[]> {
    return sql<Row[]>`
      select id, status::text, coalesce(expires_at <= acontext_sessions.clock(), false) as expired
      from public.session_mappings where user_id = ${user.id} order by id`;
  }

  /** Every use of a session: what was asked, and the status of the answer. */
  async function uses(
    user: TestUser,
    id: string,
  ): Promise<[string, { status: number; body: unknown }][]> {
    const headers = bearer(user);
    const form = new FormData();
    form.set("file", new File(["{}"], "works.json"));
    const get = (name: "session-messages" | "session-files", path: string) =>
      call(name, `/${id}${path}`, { headers });
    return [
      ["create", await create(user, { id })],
      ["load", await get("session-messages", "?allowIncomplete=true")],
      ["page", await get("session-messages", "?limit=2&editStrategies=[]&allowIncomplete=true")],
      ["count", await get("session-messages", "/token-counts")],
      [
        "store",
        await call("session-messages", `/${id}`, {
          method: "POST",
          headers: { ...headers, "content-type": "application/json" },
          body: JSON.stringify({ message: { role: "user", content: "works" } }),
        }),
      ],
      ["list files", await get("session-files", "?path=/")],
      ["upload", await call("session-files", `/${id}`, { method: "POST", headers, body: form })],
      ["read file", await get("session-files", "/content?path=/&filename=works.json")],
    ];
  }

  async function problemsOf(user: TestUser, { id, status, expired }: Row): Promise<string[]> {
    // A creation that broke off is taken up again.
    if (status === "provisioning") {
      const { status: answered, body } = await create(user, { id });
      return answered < 500
        ? []
        : [`create of the half-made ${id}: ${answered} ${JSON.stringify(body)}`];
    }
    const problems: string[] = [];
    for (const [name, { status: answered, body }] of await uses(user, id)) {
      const refused = status === "deleting" || (expired && name !== "create");
      const well = refused
        ? answered === 409 || answered === 404
        : answered === 200 || answered === 201;
      // Reading counts nothing as use and may still go on.
      if (!well && !(expired && answered < 300)) {
        problems.push(`${name} of the ${status} ${id}: ${answered} ${JSON.stringify(body)}`);
      }
    }
    return problems;
  }

  return {
    /** Uses every other session of these users: the even, or the odd. What is used is no longer as it was. */
    async useHalf(users: TestUser[], half: 0 | 1): Promise<string[]> {
      const problems: string[] = [];
      for (const user of users) {
        const rows = (await rowsOf(user)).filter(({ id }) =>
          parseInt(id.slice(-1), 16) % 2 === half
        );
        await inParallel(rows, async (row) => {
          problems.push(...await problemsOf(user, row));
        });
      }
      return problems;
    },

    /** Messages and files of those who never write: all are there, and say what they said. */
    async missingContent({ sentinels, canary }: Cast): Promise<string[]> {
      const problems: string[] = [];
      for (const user of sentinels) {
        const headers = bearer(user);
        for (const { id } of await rowsOf(user)) {
          const loaded = await call("session-messages", `/${id}?editStrategies=[]`, { headers });
          const read = await call("session-files", `/${id}/content?filename=${FILE}`, { headers });
          for (const { status, body } of [loaded, read]) {
            const text = JSON.stringify(body);
            if (text.split(canary).length !== 2) problems.push(`${id}: ${status} ${text}`);
          }
        }
      }
      return problems;
    },

    /** Lists, searches and reads through the client library. */
    async listAll(users: TestUser[]): Promise<string[]> {
      const problems: string[] = [];
      for (const user of users) {
        const { sessions } = createSessionsClient(user.client, { retries: 0 });
        try {
          const active = (await rowsOf(user)).filter(({ status }) => status === "active");
          const listed: string[] = [];
          for await (const page of sessions.pages({ limit: 50 })) {
            listed.push(...page.sessions.map(({ id }) => id));
          }
          const missing = active.filter(({ id }) => !listed.includes(id));
          if (missing.length > 0) {
            problems.push(`the list lacks ${missing.map(({ id }) => id).join(", ")}`);
          }
          for (const search of ["x", "%", "\\", "💥", "("]) await sessions.list({ search });
          await inParallel(active, async ({ id }) => void await sessions.get(id));
        } catch (error) {
          problems.push(`the client: ${error}`);
        }
      }
      return problems;
    },

    /** Deletes and restores, within a grace period. */
    async deleteAndRestoreAll(users: TestUser[]): Promise<string[]> {
      const problems: string[] = [];
      for (const user of users) {
        const active = (await rowsOf(user)).filter(({ status, expired }) =>
          status === "active" && !expired
        );
        await inParallel(active, async ({ id }) => {
          const removed = await remove(user, id);
          const restored = await restore(user, id);
          if (removed.status !== 202 || restored.status !== 200) {
            problems.push(
              `delete and restore of ${id}: ${removed.status}, ${restored.status} ${
                JSON.stringify(restored.body)
              }`,
            );
          }
        });
      }
      return problems;
    },
  };
}

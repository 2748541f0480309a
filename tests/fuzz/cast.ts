/** Who writes, who must not notice, and the sessions that all of them have. @module */

import { createTokens } from "../integration/support/tokens.ts";
import { createUsers, type TestUser } from "../integration/support/users.ts";
import { createCalls } from "../integration/support/functions.ts";
import type { Database } from "../integration/support/database.ts";
import type { StackInfo } from "../support/stack_info.ts";
import { type Names, OUTSIDERS, type Role, ROLES, USERS } from "./acts.ts";

export interface Party {
  role: Role;
  /** Whose rows it may change. */
  user: TestUser | null;
  headers: Record<string, string>;
}

export interface Cast {
  parties: Record<Role, Party>;
  /** Users who never write; one has no account but an anonymous one. */
  sentinels: TestUser[];
  /** Everybody with a token that works and an account that is there. */
  users(): TestUser[];
  /** In metadata and messages of the sentinels: who else is answered this has read what is not theirs. */
  canary: string;
  /** Sessions for `role` to write about, made where there are too few. */
  namesFor(role: Role): Promise<Names[]>;
  /** Deletes the account, as Auth does. */
  erase(role: Role): Promise<void>;
}

/** What each session of a sentinel has, with the canary in it. */
export const FILE = "canary.json";

const SENTINEL_SESSIONS = 3;
const LEAST = 4;
const MOST = 8;

export async function createCast(info: StackInfo, { sql }: Database): Promise<Cast> {
  const { newUser, newAnonymousUser } = createUsers(info);
  const tokens = createTokens(info);
  const calls = createCalls(info);
  const canary = `canary-${crypto.randomUUID()}`;

  async function session(user: TestUser, body: Record<string, unknown> = {}, text = "x") {
    const { id } = await calls.created(user, body);
    await calls.call("session-messages", `/${id}`, {
      method: "POST",
      headers: { ...calls.bearer(user), "content-type": "application/json" },
      body: JSON.stringify({ message: { role: "user", content: text } }),
    });
    return id;
  }

  async function upload(user: TestUser, id: string): Promise<void> {
    const body = new FormData();
    body.set("file", new File([JSON.stringify(canary)], FILE));
    await calls.call("session-files", `/${id}`, {
      method: "POST",
      headers: calls.bearer(user),
      body,
    });
  }

  const sentinels = [await newUser(), await newAnonymousUser()];
  for (const user of sentinels) {
    for (let index = 0; index < SENTINEL_SESSIONS; index++) {
      const metadata = { canary, list: [index, 0.1, null] };
      const fields = {
        title: canary,
        metadata,
        pinned: index === 1,
        ttl: index === 2 ? 86_400 : null,
      };
      await upload(user, await session(user, fields, canary));
    }
  }
  const [ann, bob, guest, target] = [
    await newUser(),
    await newUser(),
    await newAnonymousUser(),
    await newUser(),
  ];
  const [banned, gone] = [await newUser(), await newUser()];
  await session(banned);
  await session(gone);
  await sql`update auth.users set banned_until = now() + interval '1 day' where id = ${banned.id}`;
  await sql`delete from auth.users where id = ${gone.id}`;

  const { publishableKey: apikey, secretKey } = info;
  const withToken = (token: string) => ({ apikey, authorization: `Bearer ${token}` });
  const ago = Math.floor(Date.now() / 1000) - 3600;
  const expired = await tokens.signed(ann, { exp: ago, iat: ago - 60 });
  const users: Partial<Record<Role, TestUser>> = { ann, bob, guest, banned, gone, service: target };
  const credentials: Record<Role, Record<string, string>> = {
    ...{ ann: withToken(ann.token), bob: withToken(bob.token), guest: withToken(guest.token) },
    ...{
      banned: withToken(banned.token),
      gone: withToken(gone.token),
      anon: { apikey },
      nobody: {},
    },
    ...{ expired: withToken(expired), forged: withToken(await tokens.forged(ann)) },
    ...{ unsigned: withToken(tokens.unsigned(ann)) },
    ...{ service: { apikey: secretKey }, operator: { apikey: secretKey } },
  };
  const party = (role: Role): Party => ({
    role,
    user: users[role] ?? null,
    headers: credentials[role],
  });
  const parties: Record<Role, Party> = {
    ...{ ann: party("ann"), bob: party("bob"), guest: party("guest"), banned: party("banned") },
    ...{
      gone: party("gone"),
      anon: party("anon"),
      nobody: party("nobody"),
      expired: party("expired"),
    },
    ...{ forged: party("forged"), unsigned: party("unsigned"), service: party("service") },
    operator: party("operator"),
  };

  async function idsOf(user: TestUser | null, status: string): Promise<string[]> {
    const rows = await sql<{ id: string }[]>`
      select id from public.session_mappings
      where user_id = ${
      user?.id ?? null
    } and status::text = ${status} order by random() limit ${MOST}`;
    return rows.map(({ id }) => id);
  }

  async function namesFor(role: Role): Promise<Names[]> {
    const owner = OUTSIDERS.includes(role) ? ann : users[role] ?? target;
    const own = await idsOf(owner, "active");
    const maker = role === "service" || USERS.includes(role);
    // A limit that the operator has set may stand in the way.
    const missing = maker ? LEAST - own.length : 0;
    for (let made = 0; made < missing; made++) {
      await session(owner).then((id) => own.push(id), () => {});
    }
    const others = ROLES.map((name) => users[name]).filter((user) =>
      user !== undefined && user.id !== owner.id
    );
    const all = role === "service" ? [owner] : [...sentinels, ...others];
    const foreign = await Promise.all(all.map((user) => idsOf(user ?? null, "active")));
    const strange = foreign.flat();
    const dying = await idsOf(owner, "deleting");
    return Array.from({ length: MOST }, (_, index): Names => ({
      own: own[index % own.length] ?? crypto.randomUUID(),
      own2: own[(index + 1) % own.length] ?? crypto.randomUUID(),
      foreign: strange[Math.floor(Math.random() * strange.length)] ?? crypto.randomUUID(),
      gone: dying[index % dying.length] ?? crypto.randomUUID(),
      new: crypto.randomUUID(),
      me: owner.id,
      other: role === "service" ? owner.id : sentinels[0]?.id ?? owner.id,
    }));
  }

  let alive = [...sentinels, ann, bob, guest, target];
  return {
    parties,
    sentinels,
    users: () => alive,
    canary,
    namesFor,
    async erase(role) {
      const id = users[role]?.id ?? null;
      await sql`delete from auth.users where id = ${id}`;
      alive = alive.filter((user) => user.id !== id);
    },
  };
}

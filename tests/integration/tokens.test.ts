import { assert, assertEquals } from "@std/assert/mod.js";
import type { TestUser } from "./support/users.ts";
import { integrationTest, type World } from "./support/world.ts";

const now = () => Math.floor(Date.now() / 1_000);

/** Tokens that a user function must refuse, and how: 401 for what proves nobody, 403 for what is valid but no user's. */
const BAD_TOKENS: {
  name: string;
  status: number;
  token: (world: World, user: TestUser) => Promise<string> | string | null;
}[] = [
  { name: "no token", status: 401, token: () => null },
  { name: "a publishable key", status: 401, token: ({ info }) => info.publishableKey },
  { name: "a secret key", status: 401, token: ({ info }) => info.secretKey },
  { name: "text that is no token", status: 401, token: () => "a.b.c" },
  {
    name: "a forged token (another key, the right key id)",
    status: 401,
    token: ({ tokens }, user) => tokens.forged(user),
  },
  {
    name: "an unsigned token (alg none)",
    status: 401,
    token: ({ tokens }, user) => tokens.unsigned(user),
  },
  {
    name: "a token signed with the public key as a shared secret (HS256)",
    status: 401,
    token: ({ tokens }, user) => tokens.symmetric(user),
  },
  {
    name: "a token whose claims were changed",
    status: 401,
    token(_world, user) {
      const [header, , signature] = user.token.split(".");
      return `${header}.${btoa(JSON.stringify({ sub: crypto.randomUUID() }))}.${signature}`;
    },
  },
  {
    name: "an expired token",
    status: 401,
    token: ({ tokens }, user) => tokens.signed(user, { iat: now() - 7_200, exp: now() - 3_600 }),
  },
  {
    name: "a token that never expires",
    status: 401,
    token: ({ tokens }, user) => tokens.signed(user, { exp: undefined }),
  },
  {
    name: "a token that is not valid yet",
    status: 401,
    token: ({ tokens }, user) => tokens.signed(user, { nbf: now() + 3_600 }),
  },
  {
    name: "a token for another audience",
    status: 401,
    token: ({ tokens }, user) => tokens.signed(user, { aud: "another-app" }),
  },
  {
    name: "a token of another issuer",
    status: 401,
    token: ({ tokens }, user) => tokens.signed(user, { iss: "https://evil.example/auth/v1" }),
  },
  {
    name: "a service role token",
    status: 403,
    token: ({ tokens }, user) => tokens.signed(user, { role: "service_role" }),
  },
  {
    name: "an anon role token",
    status: 403,
    token: ({ tokens }, user) => tokens.signed(user, { role: "anon" }),
  },
  {
    name: "a token whose subject is no user id",
    status: 403,
    token: ({ tokens }, user) => tokens.signed(user, { sub: "somebody" }),
  },
  {
    name: "a token whose subject is the nil id",
    status: 403,
    token: ({ tokens }, user) =>
      tokens.signed(user, { sub: "00000000-0000-0000-0000-000000000000" }),
  },
];

for (const { name, status, token } of BAD_TOKENS) {
  integrationTest(`the user functions refuse ${name}`, async (world) => {
    const user = await world.newUser();
    const { id } = await world.created(user);
    const bad = await token(world, user);
    const headers = {
      apikey: world.info.publishableKey,
      ...(bad === null ? {} : { authorization: `Bearer ${bad}` }),
    };
    const calls = await world.remote.callsOf(async () => {
      const attempts = [
        await world.call("create-session", "", { method: "POST", headers }),
        await world.call("delete-session", `/${id}`, { method: "DELETE", headers }),
        await world.call("delete-session", `/${id}`, { method: "POST", headers }),
        await world.call("delete-session", `/${id}/restore`, { method: "POST", headers }),
        await world.call("session-messages", `/${id}`, { headers }),
        await world.call("session-messages", `/${id}`, { method: "POST", headers }),
        await world.call("session-messages", `/${id}/token-counts`, { headers }),
        await world.call("session-files", `/${id}`, { headers }),
        await world.call("session-files", `/${id}`, { method: "POST", headers }),
        await world.call("session-files", `/${id}?filename=a`, { method: "DELETE", headers }),
        await world.call("session-files", `/${id}/url?filename=a`, { headers }),
        await world.call("session-files", `/${id}/content?filename=a`, { headers }),
      ];
      assertEquals(attempts.map((answer) => answer.status), attempts.map(() => status));
    });
    assertEquals(calls, {});
    assertEquals(await world.database.statusOf(id), "active");
    assertEquals(await world.database.rowCount(), 1);
  });
}

integrationTest(
  "a token that the tests sign themselves is good when nothing is changed",
  async (world) => {
    const user = await world.newUser();
    const token = await world.tokens.signed(user);
    assertEquals((await world.create({ ...user, token })).status, 201);
  },
);

integrationTest("the scheme's case does not matter, nor do blanks after it", async (world) => {
  const user = await world.newUser();
  for (const scheme of ["bearer", "BEARER", "Bearer  "]) {
    const headers = { authorization: `${scheme} ${user.token}` };
    const answer = await world.call("create-session", "", { method: "POST", headers });
    assertEquals(answer.status, 201, scheme);
    const rows = await fetch(`${world.info.apiUrl}/rest/v1/session_mappings?select=id`, {
      headers: { ...headers, apikey: world.info.publishableKey },
    });
    assertEquals(rows.status, 200, scheme);
    await rows.body?.cancel();
  }
});

integrationTest("a token in another place than the header is not seen", async (world) => {
  const user = await world.newUser();
  const answer = await world.call("create-session", `?access_token=${user.token}`, {
    method: "POST",
    headers: { apikey: user.token },
  });
  assertEquals(answer.status, 401);
});

const BAD_KEYS: { name: string; headers: (world: World, user: TestUser) => HeadersInit }[] = [
  { name: "no key", headers: () => ({}) },
  { name: "a wrong key", headers: () => ({ apikey: "sb_secret_wrong" }) },
  { name: "an empty key", headers: () => ({ apikey: "" }) },
  { name: "the publishable key", headers: ({ info }) => ({ apikey: info.publishableKey }) },
  {
    name: "a beginning of the secret key",
    headers: ({ info }) => ({ apikey: info.secretKey.slice(0, -1) }),
  },
  { name: "a user's token as key", headers: (_world, user) => ({ apikey: user.token }) },
  {
    name: "a user's token",
    headers: ({ info }, user) => ({
      apikey: info.publishableKey,
      authorization: `Bearer ${user.token}`,
    }),
  },
  {
    name: "the secret key as bearer token",
    headers: ({ info }) => ({ authorization: `Bearer ${info.secretKey}` }),
  },
];

for (const { name, headers } of BAD_KEYS) {
  integrationTest(`cleanup-sessions refuses ${name}`, async (world) => {
    const user = await world.newUser();
    const { id } = await world.created(user);
    await world.database.expire([id]);
    const answer = await world.call("cleanup-sessions", "", {
      method: "POST",
      headers: headers(world, user),
    });
    assertEquals(answer.status, 401);
    assert(!JSON.stringify(answer.body).includes("default"), "key names stay inside");
    assertEquals(await world.database.runs(), []);
    assertEquals(await world.database.statusOf(id), "active");
  });
}

integrationTest("cleanup-sessions refuses a service role token without the key", async (world) => {
  const user = await world.newUser();
  const token = await world.tokens.signed(user, { role: "service_role" });
  const answer = await world.call("cleanup-sessions", "", {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
  });
  assertEquals(answer.status, 401);
});

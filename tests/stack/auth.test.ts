import { assertEquals, assertMatch } from "@std/assert/mod.js";
import { createClient } from "@supabase/supabase-js";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { shareStack, stackTest } from "./fixture.ts";

const shared = shareStack();
const PASSWORD = "correct horse";

function connect(key: "publishable" | "secret" = "publishable") {
  const { apiUrl, publishableKey, secretKey } = shared.stack;
  return createClient(apiUrl, key === "secret" ? secretKey : publishableKey, {
    auth: { autoRefreshToken: false, persistSession: false, detectSessionInUrl: false },
  });
}

function freshEmail(): string {
  return `${crypto.randomUUID()}@example.com`;
}

stackTest("auth signs a user up and in, with the platform's claims", async () => {
  const email = freshEmail();
  const { data: signedUp, error } = await connect().auth.signUp({ email, password: PASSWORD });
  assertEquals(error, null);
  assertEquals(signedUp.user?.email, email);

  const supabase = connect();
  const { data } = await supabase.auth.signInWithPassword({ email, password: PASSWORD });
  const token = data.session?.access_token ?? "";
  const claims = decodeJwt(token);
  assertEquals(decodeProtectedHeader(token).alg, "ES256");
  assertEquals(decodeProtectedHeader(token).kid, shared.stack.jwks.keys[0]?.kid);
  assertEquals(claims.iss, `${shared.stack.apiUrl}/auth/v1`);
  assertEquals(claims.aud, "authenticated");
  assertEquals(claims.sub, signedUp.user?.id);
  assertEquals(claims["role"], "authenticated");
  assertEquals(claims["is_anonymous"], false);
  assertEquals((claims.exp ?? 0) - (claims.iat ?? 0), 3_600);
  assertMatch(String(claims["session_id"]), /^[0-9a-f-]{36}$/);

  const { data: me } = await supabase.auth.getUser();
  assertEquals(me.user?.id, signedUp.user?.id);
});

stackTest("auth lets anonymous users in", async () => {
  const { data, error } = await connect().auth.signInAnonymously();
  assertEquals(error, null);
  assertEquals(data.user?.is_anonymous, true);
  assertEquals(decodeJwt(data.session?.access_token ?? "")["is_anonymous"], true);
});

stackTest("auth refuses with the platform's codes", async () => {
  const email = freshEmail();
  await connect().auth.signUp({ email, password: PASSWORD });
  const again = await connect().auth.signUp({ email: email.toUpperCase(), password: PASSWORD });
  assertEquals(again.error?.code, "user_already_exists");
  assertEquals(again.error?.status, 422);
  const wrong = await connect().auth.signInWithPassword({ email, password: "wrong horse" });
  assertEquals(wrong.error?.code, "invalid_credentials");
  assertEquals(wrong.error?.status, 400);
  const weak = await connect().auth.signUp({ email: freshEmail(), password: "short" });
  assertEquals(weak.error?.code, "weak_password");
  const notAdmin = await connect().auth.admin.listUsers();
  assertEquals(notAdmin.error?.code, "not_admin");
  const forged = await connect().auth.getUser("e30.e30.e30");
  assertEquals(forged.error?.code, "bad_jwt");
});

stackTest("auth rotates refresh tokens and ends the session when an old one returns", async () => {
  const supabase = connect();
  const { data: first } = await supabase.auth.signInAnonymously();
  const oldToken = first.session?.refresh_token ?? "";
  const { data: second, error } = await supabase.auth.refreshSession();
  assertEquals(error, null);
  assertEquals(second.session?.refresh_token === oldToken, false);

  // Within the reuse interval the same successor is answered (two tabs, a lost answer).
  const repeated = await connect().auth.refreshSession({ refresh_token: oldToken });
  assertEquals(repeated.data.session?.refresh_token, second.session?.refresh_token);

  await shared.admin`
    update auth.refresh_tokens set updated_at = now() - interval '1 minute' where token = ${oldToken}`;
  const replayed = await connect().auth.refreshSession({ refresh_token: oldToken });
  assertEquals(replayed.error?.code, "refresh_token_already_used");
  const after = await supabase.auth.refreshSession();
  assertEquals(after.error?.code, "refresh_token_already_used");
  const unknown = await connect().auth.refreshSession({ refresh_token: "a1b2c3d4e5f6" });
  assertEquals(unknown.error?.code, "refresh_token_not_found");
});

stackTest("auth signs out: the token no longer finds its session", async () => {
  const supabase = connect();
  const { data } = await supabase.auth.signInAnonymously();
  assertEquals((await supabase.auth.signOut()).error, null);
  const { error } = await connect().auth.getUser(data.session?.access_token);
  // What supabase-js makes of the code session_not_found.
  assertEquals(error?.name, "AuthSessionMissingError");
});

stackTest("auth stores no plain password", async () => {
  const email = freshEmail();
  await connect().auth.signUp({ email, password: PASSWORD });
  const [row] = await shared.sql`select encrypted_password from auth.users where email = ${email}`;
  assertMatch(row?.["encrypted_password"], /^\$2a\$/);
});

stackTest("auth updates the current user", async () => {
  const supabase = connect();
  await supabase.auth.signUp({ email: freshEmail(), password: PASSWORD });
  const { data, error } = await supabase.auth.updateUser({ data: { theme: "dark" } });
  assertEquals(error, null);
  assertEquals(data.user?.user_metadata["theme"], "dark");
});

stackTest("auth admin makes, finds, lists and deletes users with the secret key", async () => {
  const admin = connect("secret");
  const email = freshEmail();
  const { data: made, error } = await admin.auth.admin.createUser({
    email,
    password: PASSWORD,
    email_confirm: true,
  });
  assertEquals(error, null);
  const id = made.user?.id ?? "";
  assertEquals((await admin.auth.admin.getUserById(id)).data.user?.email, email);
  const { data: list } = await admin.auth.admin.listUsers({ page: 1, perPage: 1_000 });
  assertEquals(list.users.some((user) => user.id === id), true);

  const owner = connect();
  await owner.auth.signInWithPassword({ email, password: PASSWORD });
  await owner.from("notes").insert({ body: "mine" });

  assertEquals((await admin.auth.admin.deleteUser(id)).error, null);
  const rows = await shared.sql`select user_id from public.notes where body = 'mine'`;
  assertEquals(rows.map((row) => row["user_id"]), [null]);
  assertEquals((await admin.auth.admin.deleteUser(id)).error?.code, "user_not_found");
});

stackTest("auth publishes the key its tokens are signed with", async () => {
  const response = await fetch(`${shared.stack.apiUrl}/auth/v1/.well-known/jwks.json`);
  assertEquals(await response.json(), JSON.parse(JSON.stringify(shared.stack.jwks)));
});

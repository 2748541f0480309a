import { assertEquals, assertMatch, assertNotEquals } from "@std/assert/mod.js";
import {
  claimsOf,
  freshEmail,
  PASSWORD,
  refusalOf,
  sessionOf,
  shareAuth,
  userOf,
} from "./harness.ts";

const authTest = shareAuth();

authTest(
  "a sign-up has its e-mail address and what is verified in the user's metadata",
  async (auth) => {
    const email = freshEmail();
    const fields = { email: email.toUpperCase(), password: PASSWORD, data: { theme: "dark" } };
    const session = await auth.signUp(fields);
    const { id } = session.user;
    const metadata = {
      ...{ sub: id, email, email_verified: true, phone_verified: false, theme: "dark" },
    };
    assertEquals(session.user.email, email);
    assertEquals(session.user.user_metadata, metadata);
    assertEquals(session.user.app_metadata, { provider: "email", providers: ["email"] });
    assertEquals(session.user.is_anonymous, false);
    const claims = claimsOf(session);
    assertEquals(claims.user_metadata, metadata);
    assertEquals(claims.app_metadata, { provider: "email", providers: ["email"] });
    assertEquals(claims.amr.map(({ method }) => method), ["password"]);
    assertEquals(claims.is_anonymous, false);
    assertEquals(
      [claims.sub, claims["aud"], claims["role"], claims["aal"], claims["email"], claims["phone"]],
      [id, "authenticated", "authenticated", "aal1", email, ""],
    );
  },
);

authTest("an anonymous user has the metadata of the call, and nothing else", async (auth) => {
  const session = await auth.signUp({ data: { theme: "dark" } });
  assertEquals(session.user.user_metadata, { theme: "dark" });
  assertEquals(session.user.app_metadata, {});
  assertEquals(session.user.is_anonymous, true);
  assertEquals(session.user.email, "");
  assertEquals(session.user.identities, []);
  const claims = claimsOf(session);
  assertEquals(claims.amr.map(({ method }) => method), ["anonymous"]);
  assertEquals(claims.is_anonymous, true);
});

authTest("a user who was anonymous stays so in amr, until the next sign-in", async (auth) => {
  const first = await auth.signUp({ data: { theme: "dark" } });
  const email = freshEmail();
  const linked = userOf(
    await auth.call("PUT", "/user", {
      token: first.access_token,
      json: { email, password: PASSWORD },
    }),
  );
  assertEquals([linked.email, linked.is_anonymous], [email, false]);
  assertEquals(linked.user_metadata, { email_verified: true, theme: "dark" });
  assertEquals(linked.app_metadata, {});
  assertEquals(linked.identities.map(({ provider }) => provider), ["email"]);

  const refreshed = sessionOf(await auth.refresh(first.refresh_token));
  assertEquals(claimsOf(refreshed).is_anonymous, false);
  assertEquals(claimsOf(refreshed).amr, claimsOf(first).amr);
  assertEquals(claimsOf(refreshed).session_id, claimsOf(first).session_id);

  const again = sessionOf(await auth.signIn(email, PASSWORD));
  assertEquals(claimsOf(again).amr.map(({ method }) => method), ["password"]);
});

authTest("amr keeps the time of the sign-in when the token is refreshed", async (auth) => {
  const first = await auth.signUp({ email: freshEmail(), password: PASSWORD });
  const second = sessionOf(await auth.refresh(first.refresh_token));
  assertEquals(claimsOf(second).amr, claimsOf(first).amr);
  assertNotEquals(second.refresh_token, first.refresh_token);
});

authTest("the admin makes users, confirmed or not", async (auth) => {
  const [confirmed, open] = [freshEmail(), freshEmail()];
  const user = userOf(
    await auth.admin("POST", "/admin/users", {
      ...{ email: confirmed, password: PASSWORD, email_confirm: true },
      user_metadata: { theme: "dark" },
    }),
  );
  assertEquals(user.user_metadata, { email_verified: true, theme: "dark" });
  assertEquals((await auth.signIn(confirmed, PASSWORD)).status, 200);

  const waiting = userOf(
    await auth.admin("POST", "/admin/users", { email: open, password: PASSWORD }),
  );
  assertEquals(waiting.user_metadata, {});
  assertEquals(refusalOf(await auth.signIn(open, PASSWORD)), [
    400,
    "email_not_confirmed",
    "Email not confirmed",
  ]);
});

authTest("Auth refuses with these codes", async (auth) => {
  const email = freshEmail();
  const { access_token } = await auth.signUp({ email, password: PASSWORD });
  const signUp = (json: unknown) => auth.call("POST", "/signup", { json });
  const cases: [
    Answer: Promise<{ status: number; body: Record<string, unknown> }>,
    ...unknown[],
  ][] = [
    [signUp({ email, password: PASSWORD }), 422, "user_already_exists", "User already registered"],
    [
      signUp({ email: "nobody", password: PASSWORD }),
      ...[400, "validation_failed", "Unable to validate email address: invalid format"],
    ],
    [
      signUp({ email: freshEmail() }),
      ...[400, "validation_failed", "Signup requires a valid password"],
    ],
    [auth.signIn(email, "wrong horse"), 400, "invalid_credentials", "Invalid login credentials"],
    [auth.refresh("never"), 400, "validation_failed", "Refresh token is not valid"],
    [
      auth.refresh("aaaaaaaaaaaa"),
      ...[400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found"],
    ],
    [
      auth.call("GET", "/admin/users", { token: access_token }),
      403,
      "not_admin",
      "User not allowed",
    ],
    [
      auth.call("GET", "/user"),
      ...[401, "no_authorization", "This endpoint requires a valid Bearer token"],
    ],
    [
      auth.admin("GET", `/admin/users/${crypto.randomUUID()}`),
      404,
      "user_not_found",
      "User not found",
    ],
  ];
  for (const [answer, ...expected] of cases) {
    assertEquals(refusalOf(await answer), expected as never);
  }

  const weak = await signUp({ email: freshEmail(), password: "12345" });
  assertEquals(refusalOf(weak).slice(0, 2), [422, "weak_password"]);
  const forged = await auth.call("GET", "/user", { token: "e30.e30.e30" });
  assertEquals(refusalOf(forged).slice(0, 2), [403, "bad_jwt"]);
  assertMatch(String(forged.body["msg"]), /^invalid JWT: unable to parse or verify signature/);
});

authTest(
  "a sign-out ends the session; its access token lives on, but not for Auth",
  async (auth) => {
    const { access_token, refresh_token } = await auth.signUp();
    assertEquals((await auth.call("POST", "/logout", { token: access_token })).status, 204);
    assertEquals(refusalOf(await auth.call("GET", "/user", { token: access_token })), [
      403,
      "session_not_found",
      "Session from session_id claim in JWT does not exist",
    ]);
    assertEquals(refusalOf(await auth.refresh(refresh_token))[1], "refresh_token_not_found");
  },
);

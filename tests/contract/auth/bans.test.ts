import { assert, assertEquals } from "@std/assert/mod.js";
import { freshEmail, PASSWORD, refusalOf, shareAuth, userOf } from "./harness.ts";

const authTest = shareAuth();

const HOUR_MS = 60 * 60 * 1_000;

authTest(
  "a ban is felt at refresh and sign-in, and by nobody who checks only the access token",
  async (auth) => {
    const email = freshEmail();
    const { user, access_token, refresh_token } = await auth.signUp({ email, password: PASSWORD });
    const path = `/admin/users/${user.id}`;
    const banned = userOf(await auth.admin("PUT", path, { ban_duration: "24h" }));
    assert(Math.abs(Date.parse(banned.banned_until ?? "") - Date.now() - 24 * HOUR_MS) < HOUR_MS);

    assertEquals(refusalOf(await auth.refresh(refresh_token)), [
      400,
      "user_banned",
      "Invalid Refresh Token: User Banned",
    ]);
    assertEquals(refusalOf(await auth.signIn(email, PASSWORD)), [
      400,
      "user_banned",
      "User is banned",
    ]);
    // Whoever guesses learns of the ban, too.
    assertEquals(refusalOf(await auth.signIn(email, "wrong horse"))[1], "user_banned");
    assertEquals(refusalOf(await auth.call("GET", "/user", { token: access_token })), [
      403,
      "user_banned",
      "User is banned",
    ]);

    const free = userOf(await auth.admin("PUT", path, { ban_duration: "none" }));
    assertEquals(free.banned_until, undefined);
    // The session was not ended.
    assertEquals((await auth.refresh(refresh_token)).status, 200);
  },
);

authTest("a ban that is over is none", async (auth) => {
  const { user, refresh_token } = await auth.signUp();
  await auth.admin("PUT", `/admin/users/${user.id}`, { ban_duration: "-1h" });
  assertEquals((await auth.refresh(refresh_token)).status, 200);
});

authTest("a user can be banned from the start", async (auth) => {
  const email = freshEmail();
  const fields = { email, password: PASSWORD, email_confirm: true, ban_duration: "1h30m" };
  const { banned_until } = userOf(await auth.admin("POST", "/admin/users", fields));
  assert(Math.abs(Date.parse(banned_until ?? "") - Date.now() - 1.5 * HOUR_MS) < HOUR_MS / 4);
  assertEquals(refusalOf(await auth.signIn(email, PASSWORD))[1], "user_banned");
});

authTest("how long a ban lasts is said as Go does", async (auth) => {
  const { user } = await auth.signUp();
  const ban = (ban_duration: string) =>
    auth.admin("PUT", `/admin/users/${user.id}`, { ban_duration });
  for (const good of ["300ms", "1.5h", "2h45m10s", "876000h"]) {
    assertEquals((await ban(good)).status, 200, good);
  }
  for (
    const [bad, reason] of [
      ["x", 'time: invalid duration "x"'],
      ["24", 'time: missing unit in duration "24"'],
      ["1d", 'time: unknown unit "d" in duration "1d"'],
    ] as const
  ) {
    assertEquals(refusalOf(await ban(bad)), [
      400,
      "validation_failed",
      `invalid format for ban duration: ${reason}`,
    ]);
  }
});

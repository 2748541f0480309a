import { assertEquals, assertNotEquals } from "@std/assert/mod.js";
import { freshEmail, PASSWORD, refusalOf, shareAuth, userOf } from "./harness.ts";

const authTest = shareAuth();

authTest("a deleted user is gone", async (auth) => {
  const { user, access_token, refresh_token } = await auth.signUp();
  const removed = await auth.admin("DELETE", `/admin/users/${user.id}`);
  assertEquals([removed.status, removed.body], [200, {}]);
  assertEquals(refusalOf(await auth.admin("GET", `/admin/users/${user.id}`))[1], "user_not_found");
  assertEquals(refusalOf(await auth.admin("DELETE", `/admin/users/${user.id}`)), [
    404,
    "user_not_found",
    "User not found",
  ]);
  assertEquals(refusalOf(await auth.refresh(refresh_token))[1], "refresh_token_not_found");
  assertEquals((await auth.call("GET", "/user", { token: access_token })).status, 403);
});

authTest("a user who is deleted softly keeps a row without a name", async (auth) => {
  const email = freshEmail();
  const fields = { email, password: PASSWORD, data: { theme: "dark" } };
  const { user, access_token, refresh_token } = await auth.signUp(fields);
  const path = `/admin/users/${user.id}`;
  const removed = await auth.admin("DELETE", path, { should_soft_delete: true });
  assertEquals([removed.status, removed.body], [200, {}]);

  const left = userOf(await auth.admin("GET", path));
  assertEquals(typeof left.deleted_at, "string");
  assertNotEquals(left.email, email);
  assertEquals([left.user_metadata, left.app_metadata], [{}, {}]);

  assertEquals(refusalOf(await auth.refresh(refresh_token))[1], "refresh_token_not_found");
  assertEquals(refusalOf(await auth.signIn(email, PASSWORD))[1], "invalid_credentials");
  const me = await auth.call("GET", "/user", { token: access_token });
  assertEquals(refusalOf(me).slice(0, 2), [403, "session_not_found"]);

  // The address is free again.
  assertNotEquals((await auth.signUp(fields)).user.id, user.id);
  assertEquals((await auth.admin("DELETE", path, { should_soft_delete: true })).status, 200);
  assertEquals((await auth.admin("DELETE", path, { should_soft_delete: false })).status, 200);
  assertEquals((await auth.admin("GET", path)).status, 404);
});

authTest("an anonymous user can be deleted softly, too", async (auth) => {
  const { user, refresh_token } = await auth.signUp();
  await auth.admin("DELETE", `/admin/users/${user.id}`, { should_soft_delete: true });
  const left = userOf(await auth.admin("GET", `/admin/users/${user.id}`));
  assertEquals(typeof left.deleted_at, "string");
  assertEquals(left.is_anonymous, true);
  assertEquals(refusalOf(await auth.refresh(refresh_token))[1], "refresh_token_not_found");
});

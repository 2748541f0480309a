import { assertEquals } from "@std/assert/mod.js";
import { freshAddress, freshEmail, PASSWORD, refusalOf, shareAuth } from "./harness.ts";

const authTest = shareAuth();

const PER_HOUR = 30;

authTest("an address makes 30 anonymous users an hour, and no more", async (auth) => {
  const address = freshAddress();
  const signUp = (json = {}) => auth.call("POST", "/signup", { json, address });
  for (let count = 0; count < PER_HOUR; count++) assertEquals((await signUp()).status, 200);
  assertEquals(refusalOf(await signUp()), [
    429,
    "over_request_rate_limit",
    "Request rate limit reached",
  ]);
  // Others, and sign-ups with a password, go on.
  assertEquals((await auth.call("POST", "/signup", { json: {} })).status, 200);
  assertEquals((await signUp({ email: freshEmail(), password: PASSWORD })).status, 200);
});

authTest("where anonymous sign-ins are off, they are refused", async (auth) => {
  assertEquals(refusalOf(await auth.call("POST", "/signup", { json: {}, closed: true })), [
    422,
    "anonymous_provider_disabled",
    "Anonymous sign-ins are disabled",
  ]);
});

authTest("Auth says in its settings whether anonymous sign-ins are on", async (auth) => {
  for (const closed of [false, true]) {
    const { body } = await auth.call("GET", "/settings", { closed });
    const external = body["external"] as Record<string, unknown>;
    assertEquals(external["anonymous_users"], !closed);
    assertEquals(external["email"], true);
    assertEquals(body["disable_signup"], false);
  }
});

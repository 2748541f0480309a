import { assertEquals } from "@std/assert/mod.js";
import { createClient } from "@supabase/supabase-js";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { startStack } from "../../local/stack.ts";
import { stackTest } from "./fixture.ts";

/** A key as the platform names it, and what it signs. */
async function makeKey(kid: string) {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  return {
    public: { ...await exportJWK(publicKey), kid, alg: "ES256", use: "sig" },
    sign: (claims: Record<string, unknown>) =>
      new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid }).sign(privateKey),
  };
}

stackTest(
  "functions that were started before a rotation let users in with the new key",
  async () => {
    const dataDir = await Deno.makeTempDir({ prefix: "acontext-sessions-rotation-" });
    const old = await makeKey("before the rotation");
    const stack = await startStack({
      dataDir,
      ports: "free",
      // What the platform gave the functions when they started.
      env: { SUPABASE_JWKS: JSON.stringify({ keys: [old.public] }) },
    });
    try {
      const supabase = createClient(stack.apiUrl, stack.publishableKey, {
        auth: { persistSession: false, autoRefreshToken: false },
      });
      const { data, error } = await supabase.auth.signInAnonymously();
      if (error) throw error;
      const call = async (token: string | undefined) => {
        const response = await fetch(`${stack.apiUrl}/functions/v1/create-session`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}` },
        });
        return [response.status, (await response.json()).code];
      };
      assertEquals(await call(data.session?.access_token), [201, undefined]);

      const claims = {
        iss: `${stack.apiUrl}/auth/v1`,
        aud: "authenticated",
        role: "authenticated",
        sub: data.user?.id,
        exp: Math.floor(Date.now() / 1000) + 60,
      };
      assertEquals(await call(await old.sign(claims)), [201, undefined]);
      const stranger = await makeKey("nobody's");
      assertEquals(await call(await stranger.sign(claims)), [401, "unauthorized"]);
    } finally {
      await stack.stop();
      await Deno.remove(dataDir, { recursive: true });
    }
  },
);

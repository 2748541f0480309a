/** Signed-in users of a stack, each with a supabase-js client. @module */

import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import type { Database } from "../../../supabase/functions/_acontext_sessions/database/database.types.ts";
import type { StackInfo } from "../../support/stack_info.ts";

export interface TestUser {
  id: string;
  /** A valid access token. */
  token: string;
  client: SupabaseClient<Database>;
}

/** Keeps nothing and starts no timer. */
const QUIET = { auth: { persistSession: false, autoRefreshToken: false } };

export function createUsers({ apiUrl, publishableKey, secretKey }: StackInfo) {
  const open = (key: string) => createClient<Database>(apiUrl, key, QUIET);

  function signedIn(
    client: SupabaseClient<Database>,
    { data, error }: Awaited<ReturnType<typeof client.auth.signUp>>,
  ): TestUser {
    if (error) throw error;
    if (data.user === null || data.session === null) throw new Error("Cannot sign up: no session");
    return { id: data.user.id, token: data.session.access_token, client };
  }

  return {
    async newUser(): Promise<TestUser> {
      const client = open(publishableKey);
      const credentials = {
        email: `${crypto.randomUUID()}@example.com`,
        password: crypto.randomUUID(),
      };
      return signedIn(client, await client.auth.signUp(credentials));
    },
    async newAnonymousUser(): Promise<TestUser> {
      const client = open(publishableKey);
      return signedIn(client, await client.auth.signInAnonymously());
    },
    /** A client that nobody signed in. */
    nobody: () => open(publishableKey),
    /** A client with the secret key, as a server of the project has it. */
    admin: () => open(secretKey),
  };
}

/** Access tokens of every kind, good and bad. @module */

import { decodeJwt, generateKeyPair, importJWK, SignJWT } from "jose";
import type { StackInfo } from "../../support/stack_info.ts";
import type { TestUser } from "./users.ts";

export function createTokens({ signingKey }: StackInfo) {
  const { kid } = signingKey;

  return {
    /** Signed by the project: the claims of the user's own token with these changes. */
    async signed(user: TestUser, changes: Record<string, unknown> = {}): Promise<string> {
      return await new SignJWT({ ...decodeJwt(user.token), ...changes })
        .setProtectedHeader({ alg: "ES256", typ: "JWT", kid })
        .sign(await importJWK(signingKey, "ES256"));
    },

    /** The user's claims under the project's key id, signed with a key that the project does not know. */
    async forged(user: TestUser): Promise<string> {
      const { privateKey } = await generateKeyPair("ES256");
      return await new SignJWT(decodeJwt(user.token))
        .setProtectedHeader({ alg: "ES256", typ: "JWT", kid })
        .sign(privateKey);
    },

    /** The user's claims, "signed" with the text of the public key as a shared secret. */
    async symmetric(user: TestUser): Promise<string> {
      const { d: _private, ...publicKey } = signingKey;
      return await new SignJWT(decodeJwt(user.token))
        .setProtectedHeader({ alg: "HS256", typ: "JWT", kid })
        .sign(new TextEncoder().encode(JSON.stringify(publicKey)));
    },

    /** The user's claims without any signature. */
    unsigned(user: TestUser): string {
      return `${encode({ alg: "none", typ: "JWT", kid })}.${encode(decodeJwt(user.token))}.`;
    },
  };
}

function encode(part: unknown): string {
  return btoa(JSON.stringify(part)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Whether the functions let a user in: with the token of a user, since nothing else proves it. The calls change nothing.
 *
 * @module
 */

import { z } from "zod";
import { OpsError } from "../ops_error.ts";
import type { Target } from "../target.ts";
import { type Check, type Finding, ill, type Patient, untried, well } from "./check.ts";

const TIMEOUT_MS = 30_000;

/** What no user has; the last one is refused for its body. */
const CALLS: [path: (id: string) => string, init: RequestInit][] = [
  [(id) => `session-messages/${id}`, { method: "GET" }],
  [(id) => `session-files/${id}`, { method: "GET" }],
  [(id) => `delete-session/${id}`, { method: "DELETE" }],
  [() => "create-session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"id":""}',
  }],
];
/** So a user who was let in is answered. */
const LET_IN = [400, 404];

/** Codes of Auth with which it makes no anonymous user for anybody, and no other does either. */
const NO_ANONYMOUS_USER: Record<string, string> = {
  anonymous_provider_disabled: "anonymous sign-ins are disabled",
  signup_disabled: "sign-ups are disabled",
  captcha_failed: "sign-ups need a captcha",
  over_request_rate_limit: "Auth makes no more anonymous users for this hour",
};

const ANOTHER_TOKEN = "export SUPABASE_USER_TOKEN=<access token>";
const GIVE_TOKEN = `To have a user's token tried: ${ANOTHER_TOKEN}`;

export const users: Check = {
  name: "users let in",
  async examine(patient) {
    if (patient.userToken !== null) return await tryToken(patient, patient.userToken);
    let user: { userId: string; token: string };
    try {
      user = await patient.api.signUpAnonymously();
    } catch (error) {
      if (!(error instanceof OpsError)) throw error;
      const reason = NO_ANONYMOUS_USER[error.code ?? ""];
      if (reason === undefined) throw error;
      const allow = error.code === "anonymous_provider_disabled"
        ? "An app that calls signInAnonymously needs them: in the dashboard, Authentication, Sign In / Providers. "
        : "";
      return untried(`${reason}, so no user's token was tried`, `${allow}${GIVE_TOKEN}`);
    }
    const finding = await tryToken(patient, user.token);
    try {
      await patient.api.deleteAccount(user.userId);
    } catch (error) {
      if (!(error instanceof OpsError)) throw error;
      if (finding.ok) {
        return ill(
          `the user that was made for this cannot be deleted: ${error.message}`,
          `npm run ops -- erase-user ${user.userId}`,
        );
      }
    }
    return finding;
  },
};

async function tryToken({ target, userToken }: Patient, token: string): Promise<Finding> {
  const given = userToken !== null;
  const id = crypto.randomUUID();
  for (const [path, init] of CALLS) {
    const response = await fetch(`${target.url}/functions/v1/${path(id)}`, {
      ...init,
      headers: { ...init.headers, authorization: `Bearer ${token}` },
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch(() => null);
    if (response === null) throw new OpsError(`Cannot reach "${target.url}": no answer`);
    const body: unknown = await response.json().catch(() => null);
    const ours = response.headers.get("x-request-id") !== null;
    if (ours && LET_IN.includes(response.status)) continue;
    const name = path("").split("/")[0] ?? "";
    return explain({ name, status: response.status, ours, body, token }, { target, given });
  }
  return well("a user's token is accepted by every function");
}

const refusalSchema = z.looseObject({ code: z.string() });

function explain(
  { name, status, ours, body, token }: {
    name: string;
    status: number;
    ours: boolean;
    body: unknown;
    token: string;
  },
  { target, given }: { target: Target; given: boolean },
): Finding {
  const parsed = refusalSchema.safeParse(body);
  const code = parsed.success ? parsed.data.code : "no code";
  if (!ours) {
    return ill(
      `the platform refuses a user's token before ${name} sees it (${status} ${code}): verify_jwt is on`,
      target.local ? "npm start" : "npm run deploy -- --functions-only",
    );
  }
  const { alg, iss, exp } = readToken(token);
  if (status === 401 && alg === "HS256") {
    return ill(
      "the project signs access tokens with a shared secret (HS256), which the functions do not know",
      "in the dashboard, JWT Keys: migrate the JWT secret, then rotate to an asymmetric key",
    );
  }
  if (status === 401 && exp !== null && exp <= Date.now() / 1000) {
    return ill("the token has expired", ANOTHER_TOKEN);
  }
  if (status === 401 && iss !== null && iss !== `${target.url}/auth/v1`) {
    const url = iss.replace(/\/auth\/v1$/, "");
    return ill(
      `${name} refuses a user's token: its issuer is "${iss}"`,
      target.local ? "npm start" : `npx supabase secrets set PROJECT_PUBLIC_URL=${url}`,
    );
  }
  return ill(
    `${name} refuses a user's token: ${status} ${code}`,
    given ? ANOTHER_TOKEN : "npm run doctor",
  );
}

/** Nothing of it is proven. */
const tokenSchema = z.tuple([
  z.looseObject({ alg: z.string().nullable().default(null) }),
  z.looseObject({
    iss: z.string().nullable().default(null),
    exp: z.number().nullable().default(null),
  }),
]);

function readToken(token: string): { alg: string | null; iss: string | null; exp: number | null } {
  try {
    const [{ alg }, { iss, exp }] = tokenSchema.parse(
      token.split(".").slice(0, 2).map((part) =>
        JSON.parse(atob(part.replaceAll("-", "+").replaceAll("_", "/")))
      ),
    );
    return { alg, iss, exp };
  } catch {
    return { alg: null, iss: null, exp: null };
  }
}

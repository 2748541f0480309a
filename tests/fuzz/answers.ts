/** Sends what somebody may send, and looks at the answer. @module */

import { z } from "zod";
import { USER_COLUMNS } from "./extremes.ts";
import { problemOf } from "../openapi/answers.ts";
import { type Act, filledIn, type Names, OUTSIDERS } from "./acts.ts";
import type { Cast } from "./cast.ts";

export interface Answered {
  act: Act;
  status: number;
  /** What is wrong with the answer, if anything. */
  problem: string | null;
}

/** How many of the last writes to a session are remembered. */
const NOTED = 4;

export function createSender(apiUrl: string, { parties, canary }: Cast) {
  /** What was written to a session, to be told with what is wrong with it. */
  const notes = new Map<string, string[]>();

  function note(act: Act, names: Names, status: number): void {
    if (status >= 300 || act.body === null || !act.path.startsWith("/rest/")) return;
    const written = `${act.role} ${act.method} ${act.path.slice(9)} ${act.body.slice(0, 200)}`;
    for (const id of [names.own, names.own2]) {
      if (filledIn(act.path + act.body, names).includes(id)) {
        notes.set(id, [...notes.get(id) ?? [], written].slice(-NOTED));
      }
    }
  }

  function fault(act: Act, { status, headers }: Response, text: string): string | null {
    const { role } = act;
    // Statements on several rows may meet; whoever is told so sends again.
    if (act.path.startsWith("/rest/") && text.includes('"code":"40P01"')) return null;
    if (status >= 500) return "a 5xx";
    if (OUTSIDERS.includes(role) && status < 400 && !act.path.includes("/session-health")) {
      return "somebody without a right got an answer";
    }
    if (role !== "service" && role !== "operator") {
      if (text.includes(canary)) return "somebody has read what is another's";
      // PostgREST answers bodies that are no JSON itself; what is nested too deep is read before the rights are.
      const asked = ![401, 403, 404, 413].includes(status) && !text.includes('"code":"PGRST1');
      if (act.path.includes("/rpc/") && asked) {
        return "a function of the database may be called";
      }
      if (status < 300 && writesWhatIsNotTheirs(act)) {
        return "a user has written more than users may";
      }
    }
    if (act.path.startsWith("/rest/")) return null;
    if (status >= 400 && /\bat .+:\d+:\d+|\.ts\b|node_modules/.test(text)) return "a stack trace";
    // The gateway knows no function behind a path like "/..".
    if (status === 404 && headers.get("x-request-id") === null) return null;
    if (status === 429 && headers.get("retry-after") === null) {
      return "nothing says when to come again";
    }
    return problemOf({
      method: act.method,
      // A path without an id is one with an id that is none.
      path: new URL(act.path, apiUrl).pathname.slice("/functions/v1".length).replaceAll(
        "//",
        "/-/",
      ),
      status,
      requestId: headers.get("x-request-id"),
      body: headers.get("content-type")?.startsWith("application/json") ? parsed(text) : null,
    });
  }

  async function send(act: Act, names: Names): Promise<Answered> {
    const path = filledIn(act.path, names);
    const body = act.body === null ? null : new TextEncoder().encode(filledIn(act.body, names));
    const sent = act.method === "GET" || act.method === "HEAD" ? null : body;
    const url = apiUrl + encodeURI(path.toWellFormed()).replaceAll("%25", "%");
    const headers = { ...act.headers, ...parties[act.role].headers };
    async function ask() {
      const signal = AbortSignal.timeout(30_000);
      const response = await fetch(url, { method: act.method, headers, body: sent, signal });
      return { response, text: await response.text() };
    }
    try {
      let { response, text } = await ask();
      // PostgREST closes a connection whose body it did not want to read, and the gateway may be about to use it again, for
      // a function, too. And uploads of one name may meet. What is worth sending again is answered well then.
      const again = response.headers.get("retry-after") !== null ||
        text.includes("upstream server is not available");
      if (response.status === 503 && again) ({ response, text } = await ask());
      note(act, names, response.status);
      const problem = fault(act, response, text);
      const detail = problem === null
        ? null
        : `${problem}: ${response.status} ${text.slice(0, 400)}`;
      return { act, status: response.status, problem: detail };
    } catch (error) {
      return { act, status: 0, problem: `no answer: ${error}` };
    }
  }

  return {
    send,
    /** The problem, with what was written to the session that it names. */
    explained(problem: string): string {
      const id = /[0-9a-f-]{36}/.exec(problem)?.[0] ?? "";
      return [problem, ...notes.get(id) ?? []].join("\n  ");
    },
  };
}

/** Users change some columns of rows that are there, and that is all. */
function writesWhatIsNotTheirs({ method, path, body }: Act): boolean {
  if (!path.startsWith("/rest/v1/session_mappings") || method === "GET" || method === "HEAD") {
    return false;
  }
  if (method !== "PATCH") return true;
  const columns: string[] = USER_COLUMNS;
  // Of a list of columns PostgREST takes those and no others.
  return !path.includes("columns=") &&
    Object.keys(Object(parsed(body ?? ""))).some((key) => !columns.includes(key));
}

function parsed(text: string) {
  try {
    return z.json().parse(JSON.parse(text));
  } catch {
    return null;
  }
}

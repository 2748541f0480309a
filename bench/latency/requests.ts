/** The requests that are compared: through the functions, the naive way, and straight to Acontext. @module */

import { DEFAULT_STRATEGIES } from "../../supabase/functions/_acontext_sessions/contract/messages.ts";
import type { StackInfo } from "../../tests/support/stack_info.ts";
import type { ClientRequest } from "./jobs.ts";

/** As long as a chat message is. */
const TEXT = "Where shall we stay in Lisbon, if we want to walk to the river in the evening? "
  .repeat(4);
export const MESSAGE = { role: "user", content: TEXT };

const JSON_TYPE = { "content-type": "application/json" };

export function createThrough(functionUrl: string, token: string): ClientRequest {
  return {
    method: "POST",
    url: functionUrl,
    headers: { authorization: `Bearer ${token}`, ...JSON_TYPE },
    body: "{}",
    keyed: false,
  };
}

export function throughFunction(
  { apiUrl }: StackInfo,
  { token, id }: { token: string; id: string },
) {
  const url = `${apiUrl}/functions/v1/session-messages/${id}`;
  const authorization = `Bearer ${token}`;
  const store = (keyed: boolean): ClientRequest => ({
    method: "POST",
    url,
    headers: { authorization, ...JSON_TYPE },
    body: JSON.stringify({ message: MESSAGE }),
    keyed,
  });
  return {
    store: store(false),
    storeOnce: store(true),
    load: { method: "GET", url, headers: { authorization }, body: null, keyed: false },
  } satisfies Record<string, ClientRequest>;
}

/** What session-messages itself sends for these. */
export function straight({ acontext }: StackInfo, id: string) {
  const url = `${acontext.baseUrl}/session/${id}/messages`;
  const headers = { authorization: `Bearer ${acontext.apiKey}`, accept: "application/json" };
  const query = new URLSearchParams({
    limit: "0",
    format: "openai",
    time_desc: "false",
    with_asset_public_url: "true",
    edit_strategies: JSON.stringify(DEFAULT_STRATEGIES),
  });
  return {
    store: {
      method: "POST",
      url,
      headers: { ...headers, ...JSON_TYPE },
      body: JSON.stringify({ blob: MESSAGE, format: "openai", meta: {} }),
      keyed: false,
    },
    load: { method: "GET", url: `${url}?${query}`, headers, body: null, keyed: false },
  } satisfies Record<string, ClientRequest>;
}

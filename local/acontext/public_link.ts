/** Public links: no key needed, for a limited time. @module */

import { failure } from "./answer.ts";
import { readObject } from "./content.ts";
import type { Call, State } from "./state.ts";

/** Makes a link to a stored file on the origin the request came to. */
export function publicLink(
  call: Call,
  state: State,
  { objectKey, expiresAt }: { objectKey: string; expiresAt: number },
): string {
  return `${call.url.origin}/api/v1/material/${state.objects.link(objectKey, expiresAt)}`;
}

/**
 * GET /material/:token. An expired or unknown link is a 404. Content that cannot be read is a 500: gone, or the storage is
 * down.
 */
export function serveMaterial(call: Call, state: State): Response {
  const link = state.objects.linked(call.param);
  if (link === null || link.expiresAt <= state.now()) {
    return failure({ status: 404, msg: "material not found" });
  }
  const object = readObject(state, link.key);
  if (object === null) return failure({ status: 500, msg: "failed to serve material" });
  return new Response(object.data, { headers: { "content-type": object.mime } });
}

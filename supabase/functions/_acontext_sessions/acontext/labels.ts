/**
 * Whether a list of disks by label can be believed.
 *
 * @module
 */
import { NIL_ID } from "../core/ids.ts";
import type { Outcome } from "../core/ports.ts";
import { parse, type Requests } from "./requests.ts";
import { diskLabel, diskPageSchema } from "./schemas.ts";

/**
 * Whether the server lists disks by label, or all of them whatever the label says: asks for a label that nothing has.
 *
 * A list of disks does not show their labels, and in a project where everything has one owner a list of all looks
 * like a list by label. The answer is not cached: what it decides cannot be undone, and servers change.
 */
export async function honoursLabels(
  { request }: Requests,
  namespace: string,
): Promise<Outcome<boolean>> {
  const reply = await request("GET", "/disk", {
    params: { user: diskLabel(namespace, NIL_ID), limit: 1 },
  });
  const answer = parse(reply, diskPageSchema, "read");
  return answer.kind === "done" ? { kind: "done", value: answer.value.items.length === 0 } : answer;
}

/** Deletes of this project, against the server under test. @module */

import { createResources } from "../../supabase/functions/_acontext_sessions/acontext/resources.ts";
import type { Fetch } from "../../supabase/functions/_acontext_sessions/acontext/transport.ts";
import { deleteRemote } from "../../supabase/functions/_acontext_sessions/core/cleanup/delete_remote.ts";
import type { Clock } from "../../supabase/functions/_acontext_sessions/core/ports.ts";
import type { Api } from "./api.ts";

export const clock: Clock = {
  now: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

export function resourcesOf({ baseUrl, apiKey }: Api, doFetch: Fetch = fetch) {
  return createResources({
    baseUrl,
    apiKey,
    timeoutMs: 10_000,
    namespace: "contract",
    fetch: doFetch,
  });
}

/** Deletes a disk as the cleanup does, attempt after attempt until it is gone. @returns the attempts. */
export async function deleteDiskOurWay(
  api: Api,
  disk: { id: string; originId: string },
  doFetch: Fetch,
): Promise<number> {
  const acontext = resourcesOf(api, doFetch);
  for (let attempts = 1; attempts < 500; attempts++) {
    const now = clock.now();
    const { disk: removal } = await deleteRemote({ acontext, clock }, {
      id: disk.originId,
      originId: disk.originId,
      acontextSessionId: null,
      acontextDiskId: disk.id,
      sessionGone: true,
      diskGone: false,
      messages: null,
      sessionInDoubt: false,
      diskInDoubt: attempts > 1,
    }, {
      startBy: now + 60_000,
      endBy: now + 120_000,
      timeoutMs: 60_000,
      msPerMessage: null,
      lifeMs: 400_000,
      whole: false,
    });
    if (removal?.kind === "gone") return attempts;
  }
  throw new Error(`Cannot delete disk "${disk.id}"`);
}

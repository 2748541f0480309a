/** What this project does with disks and files, on the server under test. @module */

import { createFiles } from "../../supabase/functions/_acontext_sessions/acontext/files.ts";
import type { AcontextOptions } from "../../supabase/functions/_acontext_sessions/acontext/requests.ts";
import { createResources } from "../../supabase/functions/_acontext_sessions/acontext/resources.ts";
import type { Fetch } from "../../supabase/functions/_acontext_sessions/acontext/transport.ts";
import { deleteRemote } from "../../supabase/functions/_acontext_sessions/core/cleanup/delete_remote.ts";
import { downloadFile } from "../../supabase/functions/_acontext_sessions/core/files/download_file.ts";
import { uploadFile } from "../../supabase/functions/_acontext_sessions/core/files/upload_file.ts";
import type { Clock } from "../../supabase/functions/_acontext_sessions/core/ports.ts";
import { FakeMessageStore } from "../unit/fakes/messages.ts";
import { recordLog } from "../unit/http/fixtures.ts";
import type { Api } from "./api.ts";

const clock: Clock = {
  now: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

function optionsOf({ baseUrl, apiKey }: Api, doFetch: Fetch = fetch): AcontextOptions {
  return {
    baseUrl,
    apiKey,
    timeoutMs: 10_000,
    namespace: "contract",
    fetch: doFetch,
  };
}

/** Deletes a disk as the cleanup does, attempt after attempt until it is gone. @returns the attempts. */
export async function deleteDiskOurWay(
  api: Api,
  disk: { id: string; originId: string },
  doFetch: Fetch,
): Promise<number> {
  const acontext = createResources(optionsOf(api, doFetch));
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
      shutdown: new AbortController().signal,
    });
    if (removal?.kind === "gone") return attempts;
  }
  throw new Error(`Cannot delete disk "${disk.id}"`);
}

/** Files at the root of a disk, as session-files reads and stores them. */
export function filesOurWay(api: Api, diskId: string) {
  const options = optionsOf(api);
  const key = { userId: crypto.randomUUID(), sessionId: crypto.randomUUID() };
  const ids = { acontextSessionId: key.sessionId, acontextDiskId: diskId };
  const deps = {
    acontext: createResources(options),
    files: createFiles(options),
    sessions: new FakeMessageStore(clock, ids),
    // A write of this size is over before it would be noted.
    clock: { ...clock, sleep: untilAborted },
    log: recordLog().log,
    random: { uuid: () => crypto.randomUUID() },
  };
  return {
    async download(filename: string): Promise<string> {
      const { stream } = await downloadFile(deps, { key, place: { path: "/", filename } });
      return await new Response(stream).text();
    },
    async upload(filename: string, text: string): Promise<{ replaced: boolean }> {
      const bytes = new TextEncoder().encode(text);
      const content = { filename, contentType: "text/plain", bytes };
      const { replaced } = await uploadFile(deps, { key, path: "/", content });
      return { replaced };
    },
  };
}

function untilAborted(_ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal?.addEventListener("abort", () => resolve()));
}

/**
 * Reads what a public link leads to. It may be on another host, so the key is not sent.
 *
 * @module
 */
import type { RemoteOutcome } from "../core/ports.ts";
import type { AcontextOptions } from "./requests.ts";

/** From the first byte to the last; a client may be slow. */
const MAX_TRANSFER_MS = 120_000;

/** Resolves once the answer has begun. A transfer that takes too long is aborted. */
export async function openDownload(
  url: string,
  { timeoutMs, fetch: doFetch = fetch }: AcontextOptions,
): Promise<RemoteOutcome<ReadableStream<Uint8Array>>> {
  const waiting = new AbortController();
  const timer = setTimeout(() => waiting.abort(), timeoutMs);
  const signal = AbortSignal.any([waiting.signal, AbortSignal.timeout(MAX_TRANSFER_MS)]);
  try {
    const response = await doFetch(url, { redirect: "manual", signal });
    if (response.status === 200) {
      return { kind: "done", value: response.body ?? ReadableStream.from([]) };
    }
    await response.body?.cancel();
    return response.status === 404
      ? { kind: "absent" }
      : { kind: "unavailable", detail: `http_${response.status}` };
  } catch {
    return { kind: "unavailable", detail: waiting.signal.aborted ? "timeout" : "broken" };
  } finally {
    clearTimeout(timer);
  }
}

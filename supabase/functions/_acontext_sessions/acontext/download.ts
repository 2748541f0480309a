/**
 * Reads what a public link leads to. It may lie on another host, so it is asked without the key.
 *
 * @module
 */
import type { AcontextOptions } from "./requests.ts";
import type { RemoteOutcome } from "../core/ports.ts";

/** From the first byte to the last; a client may be slow. */
const MAX_TRANSFER_MS = 120_000;

/** Resolves once the answer has begun. A transfer that takes too long breaks off. */
export async function openDownload(
  url: string,
  { timeoutMs, fetch: doFetch = fetch }: AcontextOptions,
): Promise<RemoteOutcome<ReadableStream<Uint8Array>>> {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), timeoutMs);
  const signal = AbortSignal.any([patience.signal, AbortSignal.timeout(MAX_TRANSFER_MS)]);
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
    return { kind: "unavailable", detail: patience.signal.aborted ? "timeout" : "broken" };
  } finally {
    clearTimeout(timer);
  }
}

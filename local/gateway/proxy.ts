/**
 * Passing a request on and its answer back, both as streams.
 *
 * @module
 */

const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** Sends `request` to `target`. Rejects when no answer begins. */
export async function passOn(
  request: Request,
  target: string,
  options: { headers: Headers; client: Deno.HttpClient; signal?: AbortSignal },
): Promise<Response> {
  const headers = new Headers(options.headers);
  for (const name of [...HOP_BY_HOP, "host", "content-length"]) headers.delete(name);
  // Deno would unpack the answer but keep the header that says it is packed.
  headers.set("accept-encoding", "identity");
  const { host, protocol } = new URL(request.url);
  headers.set("x-forwarded-host", host);
  headers.set("x-forwarded-proto", protocol.slice(0, -1));
  headers.set("x-forwarded-for", "127.0.0.1");

  const response = await fetch(target, {
    method: request.method,
    headers,
    body: request.body,
    redirect: "manual",
    client: options.client,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const answer = new Headers(response.headers);
  for (const name of HOP_BY_HOP) answer.delete(name);
  return new Response(response.body, { status: response.status, headers: answer });
}

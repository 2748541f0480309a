/**
 * The stand-in on a socket.
 *
 * `node:http` rather than `Deno.serve`: it alone can end a connection without an answer, which is what a dropped
 * request is. Deno's `fetch` sends a request again by itself, whatever its method, when a connection that has served one
 * before ends like that (https://github.com/denoland/deno/pull/32566). A planned drop would then be seen twice here and
 * not at all by the caller, so while the plan has drops no connection serves a second request.
 *
 * @module
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { dropsConnections } from "./fault_rules.ts";
import type { AcontextStandIn } from "./standin.ts";

export interface HttpServer {
  port: number;
  /** `http://127.0.0.1:<port>`. */
  origin: string;
  /** Ends all connections and stops listening. */
  stop(): Promise<void>;
}

/**
 * Listens on 127.0.0.1.
 *
 * @param port 0 takes a free one.
 * @throws when the port is taken.
 */
export function serveStandIn(standIn: AcontextStandIn, port: number): Promise<HttpServer> {
  const server = createServer((incoming, outgoing) => {
    respond(standIn, incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  standIn.onFaultsChange(() => server.closeIdleConnections());
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      const bound = typeof address === "object" && address !== null ? address.port : port;
      resolve({
        port: bound,
        origin: `http://127.0.0.1:${bound}`,
        stop: () =>
          new Promise((stopped) => {
            server.close(() => stopped());
            server.closeAllConnections();
          }),
      });
    });
  });
}

async function respond(
  standIn: AcontextStandIn,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  // As a Go server does: the work for a caller that has gone away is broken off where it stands.
  const gone = new AbortController();
  outgoing.once("close", () => gone.abort());
  const response = await standIn.fetch(await toRequest(incoming, gone.signal));
  if (dropsConnections(standIn.control.faults())) outgoing.setHeader("connection", "close");
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) {
    outgoing.end();
  } else if (response.headers.has("content-length")) {
    outgoing.end(await response.bytes());
  } else {
    const body = Readable.from(response.body);
    outgoing.once("close", () => body.destroy());
    body.on("error", () => incoming.socket.destroy());
    body.pipe(outgoing);
  }
}

async function toRequest(incoming: IncomingMessage, signal: AbortSignal): Promise<Request> {
  const { method = "GET", url = "/", headers } = incoming;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  if (hasBody(headers)) { for await (const chunk of incoming) chunks.push(new Uint8Array(chunk)); }
  const named = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value.join(", ") : value]]
  );
  return new Request(`http://${headers.host ?? "127.0.0.1"}${url}`, {
    method,
    headers: named,
    signal,
    ...(chunks.length === 0 ? {} : { body: new Blob(chunks) }),
  });
}

function hasBody(headers: IncomingMessage["headers"]): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

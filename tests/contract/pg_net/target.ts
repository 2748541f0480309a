/** Servers that pg_net calls. @module */

export interface Received {
  method: string;
  path: string;
  headers: Headers;
  body: string;
  /** `performance.now()` */
  at: number;
}

export interface Target {
  url: string;
  received: Received[];
  /** Lets the answers to `/held` begin. */
  release(): void;
}

/** A server that remembers what it got. It answers at `/held` when it is told to, and elsewhere at once. */
export async function withTarget(use: (target: Target) => Promise<void>): Promise<void> {
  const received: Received[] = [];
  const held = Promise.withResolvers<void>();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname, search, searchParams } = new URL(request.url);
      const body = await request.text();
      const { method, headers } = request;
      received.push({ method, path: pathname + search, headers, body, at: performance.now() });
      if (pathname === "/held") await held.promise;
      if (pathname === "/redirect") {
        const location = searchParams.get("to") ?? "/landed";
        const status = Number(searchParams.get("status") ?? 307);
        return new Response(null, { status, headers: { location } });
      }
      if (pathname === "/empty") return new Response(null, { status: 204 });
      return Response.json({ ok: true }, { status: 202 });
    },
  );
  try {
    await use({ url: `http://127.0.0.1:${server.addr.port}`, received, release: held.resolve });
  } finally {
    held.resolve();
    await server.shutdown();
  }
}

/** A server that keeps the bytes of each connection and answers `answer`; an empty one closes the connection. */
export async function withRawTarget(
  answer: string,
  use: (target: { url: string; requests: string[] }) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const requests: string[] = [];
  async function serve(connection: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    let text = "";
    while (!text.includes("\r\n\r\n")) {
      const length = await connection.read(buffer);
      if (length === null) break;
      text += new TextDecoder().decode(buffer.subarray(0, length));
    }
    requests.push(text);
    await connection.write(new TextEncoder().encode(answer));
    connection.close();
  }
  const serving = (async () => {
    for await (const connection of listener) await serve(connection);
  })();
  try {
    await use({ url: `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`, requests });
  } finally {
    listener.close();
    await serving.catch(() => {});
  }
}

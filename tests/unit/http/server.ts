/**
 * A tiny HTTP/1.1 server on a raw socket, so that a test can send what no proper server would.
 */

export interface Received {
  method: string;
  /** With the query. */
  url: string;
  headers: Headers;
  body: string;
}

export type Reaction =
  | { status: number; headers?: Record<string, string>; body?: string }
  /** The connection is closed without an answer. */
  | "drop"
  /** Headers and a part of the body, then nothing more. */
  | "stall"
  /** Headers and a part of the body, then the connection is closed. */
  | "cut"
  | "silence";

/** Runs `use` with a server that answers each request by `react`; `received` collects the requests. */
export async function withServer(
  react: (request: Received) => Reaction,
  use: (origin: string, received: Received[]) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const received: Received[] = [];
  const connections = new Set<Deno.Conn>();
  const serving = (async () => {
    for await (const connection of listener) {
      connections.add(connection);
      serveOne(connection, react, received).catch(() => {}).finally(() => {
        connections.delete(connection);
      });
    }
  })();
  try {
    await use(`http://127.0.0.1:${listener.addr.port}`, received);
  } finally {
    listener.close();
    for (const connection of connections) connection.close();
    await serving.catch(() => {});
  }
}

async function serveOne(
  connection: Deno.Conn,
  react: (request: Received) => Reaction,
  received: Received[],
): Promise<void> {
  const request = await readRequest(connection);
  if (request === null) return connection.close();
  received.push(request);
  const reaction = react(request);
  switch (reaction) {
    case "silence":
      return;
    case "drop":
      return connection.close();
    case "stall":
    case "cut":
      await write(
        connection,
        'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"code":0,',
      );
      if (reaction === "cut") connection.close();
      return;
  }
  const body = reaction.body ?? "";
  const headers = {
    "content-type": "application/json",
    ...(reaction.headers?.["transfer-encoding"] === undefined
      ? { "content-length": String(new TextEncoder().encode(body).length) }
      : {}),
    connection: "close",
    ...reaction.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  await write(connection, `HTTP/1.1 ${reaction.status} X\r\n${lines}\r\n${body}`);
  connection.close();
}

async function readRequest(connection: Deno.Conn): Promise<Received | null> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let text = "";
  while (true) {
    const count = await connection.read(buffer);
    if (count === null) return null;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) continue;
    const [start = "", ...lines] = text.slice(0, end).split("\r\n");
    const headers = new Headers(lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }));
    const rest = text.slice(end + 4);
    const chunked = headers.get("transfer-encoding") === "chunked";
    const whole = chunked
      ? rest.endsWith("0\r\n\r\n")
      : rest.length >= Number(headers.get("content-length") ?? "0");
    if (!whole) continue;
    // The bodies of these tests have no line breaks of their own.
    const body = chunked ? rest.split("\r\n").filter((_, line) => line % 2 === 1).join("") : rest;
    const [method = "", url = ""] = start.split(" ");
    return { method, url, headers, body };
  }
}

async function write(connection: Deno.Conn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}

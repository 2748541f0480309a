/**
 * One HTTP/1.1 request over one connection, byte for byte as libcurl would write it for pg_net. `fetch` is no stand-in
 * for that: it refuses header values that pg_net sends, adds headers, and lower-cases the names of those it got.
 *
 * @module
 */

/** What is sent. Header values are written as they are, newlines included. */
export interface Exchange {
  method: string;
  url: URL;
  headers: [name: string, value: string][];
  body: Uint8Array | null;
}

/** What came back. */
export interface Reply {
  status: number;
  /** Names as they came; of several with one name all are here, in order. */
  headers: [name: string, value: string][];
  body: Uint8Array<ArrayBuffer>;
}

/** How an exchange can fail, in libcurl's words. */
export type Failure =
  | "Couldn't resolve host name"
  | "Couldn't connect to server"
  | "Server returned nothing (no headers, no data)"
  | "Failure when receiving data from the peer"
  | "SSL peer certificate or SSH remote key was not OK"
  | "Transferred a partial file"
  | "Unsupported protocol";

/** An exchange that failed. */
export class ExchangeError extends Error {
  constructor(readonly failure: Failure, options?: ErrorOptions) {
    super(failure, options);
    this.name = "ExchangeError";
  }
}

/** Notes, in milliseconds of `performance.now()`, when a step was done. */
export interface Progress {
  connected?: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function openConnection(url: URL): Promise<Deno.Conn> {
  const secure = url.protocol === "https:";
  const options = {
    hostname: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port) || (secure ? 443 : 80),
  };
  try {
    return secure ? await Deno.connectTls(options) : await Deno.connect(options);
  } catch (error) {
    const text = String(error);
    if (/lookup address|resolve|name or service/i.test(text)) {
      throw new ExchangeError("Couldn't resolve host name", { cause: error });
    }
    if (/certificate/i.test(text)) {
      throw new ExchangeError("SSL peer certificate or SSH remote key was not OK", {
        cause: error,
      });
    }
    throw new ExchangeError("Couldn't connect to server", { cause: error });
  }
}

function requestHead({ method, url, headers, body }: Exchange): string {
  const lines = [
    `${method} ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    "Accept: */*",
    // libcurl takes an empty value for the wish to leave the header out.
    ...headers.filter(([, value]) => value.trim() !== "").map(([name, value]) =>
      `${name}: ${value}`
    ),
  ];
  if (body !== null) {
    lines.push(`Content-Length: ${body.length}`);
    if (!headers.some(([name]) => name.toLowerCase() === "content-type")) {
      lines.push("Content-Type: application/x-www-form-urlencoded");
    }
  }
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** Reads a connection piece by piece. */
function createReader(connection: Deno.Conn) {
  let buffered = new Uint8Array(0);
  const piece = new Uint8Array(65_536);

  /** False at the end of the connection. */
  async function more(): Promise<boolean> {
    const length = await connection.read(piece);
    if (length === null) return false;
    const joined = new Uint8Array(buffered.length + length);
    joined.set(buffered);
    joined.set(piece.subarray(0, length), buffered.length);
    buffered = joined;
    return true;
  }

  function take(length: number): Uint8Array {
    const taken = buffered.slice(0, length);
    buffered = buffered.slice(length);
    return taken;
  }

  return {
    /** A line without its end; null when the connection ends before. */
    async line(): Promise<string | null> {
      for (;;) {
        const end = buffered.indexOf(10);
        if (end >= 0) return decoder.decode(take(end + 1)).replace(/\r?\n$/, "");
        if (!await more()) return null;
      }
    },
    /** @throws when the connection ends before. */
    async bytes(length: number): Promise<Uint8Array> {
      while (buffered.length < length) {
        if (!await more()) throw new ExchangeError("Transferred a partial file");
      }
      return take(length);
    },
    async rest(): Promise<Uint8Array> {
      while (await more());
      return take(buffered.length);
    },
  };
}

type Reader = ReturnType<typeof createReader>;

/** Status and headers of the answer proper: what says `100 Continue` is skipped. */
async function readHead(reader: Reader): Promise<Omit<Reply, "body">> {
  for (;;) {
    const first = await reader.line();
    if (first === null) throw new ExchangeError("Server returned nothing (no headers, no data)");
    const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first)?.[1];
    if (status === undefined) throw new ExchangeError("Unsupported protocol");
    const headers: [string, string][] = [];
    for (let line = await reader.line(); line !== ""; line = await reader.line()) {
      if (line === null) throw new ExchangeError("Failure when receiving data from the peer");
      const colon = line.indexOf(":");
      if (colon > 0) headers.push([line.slice(0, colon), line.slice(colon + 1).trim()]);
    }
    if (Number(status) >= 200) return { status: Number(status), headers };
  }
}

async function readChunks(reader: Reader): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const size = Number.parseInt(await reader.line() ?? "", 16);
    if (Number.isNaN(size)) throw new ExchangeError("Transferred a partial file");
    if (size === 0) break;
    chunks.push(await reader.bytes(size));
    await reader.line();
  }
  return new Uint8Array(await new Blob(chunks.map((chunk) => chunk.slice())).arrayBuffer());
}

/** The value of a header, whatever the case of its name; of several the last. */
export function headerOf(headers: Reply["headers"], name: string): string | null {
  return headers.findLast(([found]) => found.toLowerCase() === name)?.[1] ?? null;
}

async function readBody(
  reader: Reader,
  { status, headers }: Omit<Reply, "body">,
): Promise<Uint8Array<ArrayBuffer>> {
  if (status === 204 || status === 304) return new Uint8Array(0);
  if (/chunked/i.test(headerOf(headers, "transfer-encoding") ?? "")) {
    return await readChunks(reader);
  }
  const length = headerOf(headers, "content-length");
  return (length === null ? await reader.rest() : await reader.bytes(Number(length))).slice();
}

/**
 * Sends a request and reads the answer. The connection is closed when `signal` is aborted.
 *
 * @throws {ExchangeError}
 */
export async function exchange(
  request: Exchange,
  { signal, progress }: { signal: AbortSignal; progress: Progress },
): Promise<Reply> {
  const connection = await openConnection(request.url);
  progress.connected = performance.now();
  let open = true;
  const close = () => {
    if (open) connection.close();
    open = false;
  };
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  try {
    const writer = connection.writable.getWriter();
    await writer.write(encoder.encode(requestHead(request)));
    if (request.body !== null && request.body.length > 0) await writer.write(request.body);
    writer.releaseLock();
    const reader = createReader(connection);
    const head = await readHead(reader);
    return { ...head, body: await readBody(reader, head) };
  } catch (error) {
    if (error instanceof ExchangeError) throw error;
    throw new ExchangeError("Failure when receiving data from the peer", { cause: error });
  } finally {
    signal.removeEventListener("abort", close);
    close();
  }
}

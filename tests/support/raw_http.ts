/** HTTP/1.1 by hand, for what no client would send. @module */

export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  status: number;
  text: string;
}

/** Sends `text` as it is, and gives the whole answer. */
export async function sendRaw(
  { hostname, port }: { hostname: string; port: number },
  text: string,
): Promise<RawAnswer> {
  using connection = await Deno.connect({ hostname, port });
  const bytes = new TextEncoder().encode(text);
  try {
    for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
    const buffer = new Uint8Array(16_384);
    let answer = "";
    // A server may keep the connection open for the rest of a request that it has answered.
    while (!isWhole(answer)) {
      const read = await connection.read(buffer);
      if (read === null) break;
      answer += new TextDecoder().decode(buffer.subarray(0, read));
    }
    return { status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? 0), text: answer };
  } catch {
    // It need not read to the end what it refuses.
    return { status: 0, text: "" };
  }
}

/** Of an answer in ASCII, with its length or in chunks. */
function isWhole(answer: string): boolean {
  const [head = "", body] = answer.split("\r\n\r\n", 2);
  if (body === undefined) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1];
  return length === undefined ? answer.endsWith("\r\n0\r\n\r\n") : body.length >= Number(length);
}

/** The head of a request; `Host` comes from the headers. */
export function headOf(line: string, headers: string[]): string {
  return [`${line} HTTP/1.1`, ...headers, "Connection: close", "", ""].join("\r\n");
}

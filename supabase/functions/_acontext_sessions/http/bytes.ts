/**
 * Reads a body into memory, up to a limit.
 *
 * @module
 */
import { AppError } from "../core/errors.ts";

const FIRST_BYTES = 65_536;

/** `checkHeaders` may throw; it is asked once there is a body. */
export async function readBytes(
  request: Request,
  { maxBytes, checkHeaders }: { maxBytes: number; checkHeaders: (headers: Headers) => void },
): Promise<Uint8Array<ArrayBuffer>> {
  const length = Number(request.headers.get("content-length") ?? "0");
  if (length > 0) {
    checkHeaders(request.headers);
    if (length > maxBytes) throw tooLarge(maxBytes);
  }
  // The length is the sender's claim, and chunked bodies have none: count what comes.
  let bytes = new Uint8Array(length > 0 ? length : Math.min(FIRST_BYTES, maxBytes));
  let size = 0;
  for await (const chunk of chunksOf(request)) {
    if (chunk.length > 0) checkHeaders(request.headers);
    if (size + chunk.length > maxBytes) throw tooLarge(maxBytes);
    if (size + chunk.length > bytes.length) {
      const wider = new Uint8Array(Math.min(maxBytes, 2 * (size + chunk.length)));
      wider.set(bytes.subarray(0, size));
      bytes = wider;
    }
    bytes.set(chunk, size);
    size += chunk.length;
  }
  return bytes.subarray(0, size);
}

async function* chunksOf(request: Request): AsyncGenerator<Uint8Array> {
  if (request.body === null) return;
  const reader = request.body.getReader();
  try {
    while (true) {
      const { done, value } = await readChunk(reader);
      if (done) return;
      yield value;
    }
  } finally {
    // Refuses the rest when the loop was left early.
    await reader.cancel().catch(() => {});
  }
}

async function readChunk(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read();
  } catch (cause) {
    throw new AppError("invalid_request", {
      message: "Cannot read the body: the connection broke",
      cause,
    });
  }
}

function tooLarge(maxBytes: number): AppError {
  return new AppError("body_too_large", {
    message: `Cannot read the body: it has more than ${maxBytes} bytes`,
  });
}

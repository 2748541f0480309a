/**
 * Reads a body into memory, up to a limit, and only as long as it comes.
 *
 * A connection costs its sender nothing, and a worker its memory and its place: a body has `timeoutMs`, and a second more
 * for each `BYTES_PER_SECOND` that have come, so that large ones may come over slow lines. No pause in it may be longer
 * than a third of `timeoutMs`.
 *
 * @module
 */
import { AppError } from "../core/errors.ts";
import type { Clock } from "../core/ports.ts";

/** How long a body may take. */
export interface Pace {
  clock: Clock;
  timeoutMs: number;
}

/**
 * A file of 16 MiB has 115 seconds with the default `timeoutMs`, of the 150 after which the platform gives up. Source:
 * https://supabase.com/docs/guides/functions/limits
 */
const BYTES_PER_SECOND = 192 * 1024;
const FIRST_BYTES = 65_536;
/** What is set aside grows by this factor: what was announced and does not come costs nothing. */
const GROWTH = 4;
/** Of the event loop, before a body is given up. */
const LAST_TURNS = 10;

/**
 * `checkHeaders` may throw; it is asked once there is a body.
 *
 * @throws {AppError} `body_too_large`, `request_timeout`, `invalid_request`
 */
export async function readBytes(
  request: Request,
  { maxBytes, checkHeaders, pace }: {
    maxBytes: number;
    checkHeaders: (headers: Headers) => void;
    pace: Pace;
  },
): Promise<Uint8Array<ArrayBuffer>> {
  const length = Number(request.headers.get("content-length") ?? "0");
  if (length > 0) {
    checkHeaders(request.headers);
    if (length > maxBytes) throw tooLarge(maxBytes);
  }
  // The length is the sender's claim, and chunked bodies have none: count what comes.
  const expected = length > 0 ? length : maxBytes;
  let bytes = new Uint8Array(Math.min(FIRST_BYTES, expected));
  let size = 0;
  for await (const chunk of chunksOf(request, pace)) {
    if (chunk.length > 0) checkHeaders(request.headers);
    if (size + chunk.length > maxBytes) throw tooLarge(maxBytes);
    if (size + chunk.length > bytes.length) {
      const wanted = Math.min(GROWTH * (size + chunk.length), expected);
      const wider = new Uint8Array(Math.max(wanted, size + chunk.length));
      wider.set(bytes.subarray(0, size));
      bytes = wider;
    }
    bytes.set(chunk, size);
    size += chunk.length;
  }
  return bytes.subarray(0, size);
}

async function* chunksOf(request: Request, pace: Pace): AsyncGenerator<Uint8Array> {
  if (request.body === null) return;
  const reader = request.body.getReader();
  const watch = watchOver(reader, pace);
  try {
    while (true) {
      const { done, value } = await readChunk(reader);
      if (watch.gaveUp()) throw new AppError("request_timeout");
      if (done) return;
      watch.came(value.length);
      yield value;
    }
  } finally {
    watch.end();
    // Refuses the rest when the loop was left early. Nobody waits for that.
    reader.cancel().catch(() => {});
  }
}

/** Ends a body that does not keep pace. One timer for all of it: it may come byte by byte. */
function watchOver(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  { clock, timeoutMs }: Pace,
): { came(bytes: number): void; gaveUp(): boolean; end(): void } {
  const over = new AbortController();
  let lastAt = clock.now();
  let endsAt = lastAt + timeoutMs;
  let late = false;
  const left = () => Math.max(0, Math.min(lastAt + timeoutMs / 3, endsAt) - clock.now());

  async function watch(): Promise<void> {
    while (!over.signal.aborted) {
      await clock.sleep(left(), over.signal);
      // A worker that was stalled hears of its timers before it hears of what has come meanwhile.
      for (let turn = 0; turn < LAST_TURNS && left() === 0; turn++) {
        await clock.sleep(0, over.signal);
      }
      if (over.signal.aborted || left() > 0) continue;
      late = true;
      // What is being read ends.
      return await reader.cancel();
    }
  }
  watch().catch(() => {});

  return {
    came(bytes) {
      lastAt = clock.now();
      endsAt += 1000 * bytes / BYTES_PER_SECOND;
    },
    gaveUp: () => late,
    end: () => over.abort(),
  };
}

type Chunk = ReadableStreamReadResult<Uint8Array>;

async function readChunk(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Chunk> {
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

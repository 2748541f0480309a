/** Records what the clients meet, request by request. @module */

import { z } from "zod";
import { type Operation, OPERATIONS, type Work } from "./questions.ts";

const errorSchema = z.object({ code: z.string() });

/** Codes that are no error of the functions while Acontext misbehaves. */
const EXPLAINED = ["acontext_unavailable", "message_uncertain"];

export interface Recorder {
  /** `fetch` for one client; `current` returns the operation under way. */
  fetchFor(current: () => Operation): typeof fetch;
  called(operation: Operation, ms: number): void;
  failed(operation: Operation, code: string): void;
  wrong(what: string): void;
  /** What was recorded since the last call. */
  take(seconds: number): Work;
}

export function createRecorder(): Recorder {
  let work = nothing();
  /** Keys of messages that may or may not have been stored. */
  const uncertainKeys = new Set<string>();
  const add = (counts: Record<string, number>, name: string) =>
    void (counts[name] = (counts[name] ?? 0) + 1);

  /** True when an injected fault is a sufficient reason for this answer. */
  function explained(code: string, key: string | null): boolean {
    if (code === "message_uncertain" && key !== null) uncertainKeys.add(key);
    // The repetition of a message that may still land has to wait for it.
    if (code === "idempotency_busy") return key !== null && uncertainKeys.has(key);
    return EXPLAINED.includes(code);
  }

  return {
    fetchFor: (current) => async (input, init) => {
      const operation = current();
      const request = new Request(input, init);
      const key = request.headers.get("idempotency-key");
      const started = performance.now();
      try {
        const response = await fetch(request);
        const body = await response.arrayBuffer();
        work.requests[operation].push(rounded(performance.now() - started));
        if (!response.ok) {
          const code = codeOf(body);
          add(work.failedRequests, `${operation} ${response.status} ${code}`);
          if (!explained(code, key)) work.wrong.push(`${operation}: ${response.status} ${code}`);
        }
        return new Response(body.byteLength === 0 ? null : body, response);
      } catch (error) {
        add(work.failedRequests, `${operation} 0 no_answer`);
        work.wrong.push(`${operation}: no answer`);
        throw error;
      }
    },
    called: (operation, ms) => void work.calls[operation].push(rounded(ms)),
    failed: (operation, code) => add(work.failedCalls, `${operation} ${code}`),
    wrong: (what) => void work.wrong.push(what),
    take(seconds) {
      const taken = { ...work, seconds };
      work = nothing();
      return taken;
    },
  };
}

function nothing(): Work {
  const lists = () => ({
    create: [],
    store: [],
    load: [],
    list: [],
    upload: [],
    download: [],
    delete: [],
  } satisfies Record<typeof OPERATIONS[number], number[]>);
  return {
    seconds: 0,
    calls: lists(),
    requests: lists(),
    failedRequests: {},
    failedCalls: {},
    wrong: [],
  };
}

function codeOf(body: ArrayBuffer): string {
  try {
    return errorSchema.parse(JSON.parse(new TextDecoder().decode(body))).code;
  } catch {
    return "unreadable";
  }
}

function rounded(ms: number): number {
  return Number(ms.toPrecision(3));
}

/** What each fault does to a request. @module */

import { failure } from "./answer.ts";
import type { Fault } from "./fault_rules.ts";

export interface Faulty {
  /** Handles the request as if nothing were wrong. */
  handle(): Promise<Response>;
  /** The same after this long. */
  handleLate(ms: number): Promise<Response>;
  /** Handles it for a caller that has gone away, which otherwise breaks a delete off. */
  handleAlone(): Promise<Response>;
  /** Begins to, and dies after so many steps. */
  handleUntil(steps: number): Promise<Response>;
  outage(): Response;
  sleep(ms: number): Promise<void>;
  /** Lets work go on after the answer. */
  background(work: Promise<unknown>): void;
}

/** A connection that ends without an answer, as `fetch` reports it. */
export function dropped(): TypeError {
  return new TypeError("connection closed before message completed");
}

/** @throws TypeError when the fault drops the connection. */
export async function applyFault(fault: Fault, faulty: Faulty): Promise<Response> {
  switch (fault.kind) {
    case "status":
      return statusAnswer(fault.status, fault.body);
    case "delay":
      return await faulty.handleLate(fault.ms);
    case "drop":
      if (fault.when === "after") await faulty.handle();
      throw dropped();
    case "outage":
      return faulty.outage();
    case "throttle":
      return throttled(fault.retryAfterSeconds);
    case "false404":
      return failure({ status: 404, msg: "not found" });
    case "late":
      faulty.background(faulty.sleep(fault.ms).then(() => faulty.handleAlone()));
      throw dropped();
    case "die":
      await faulty.handleUntil(fault.afterSteps);
      throw dropped();
    case "stall":
      return stalled(await faulty.handle());
  }
}

/** A text body is sent as it is, anything else as JSON; without a body the envelope of an error is made up. */
function statusAnswer(status: number, body: unknown): Response {
  if (body === undefined) return failure({ status, msg: `injected ${status}` });
  if (typeof body === "string") {
    return new Response(body, { status, headers: { "content-type": "text/plain" } });
  }
  return Response.json(body, { status });
}

function throttled(retryAfterSeconds: number): Response {
  const answer = failure({ status: 429, msg: "Too Many Requests" });
  answer.headers.set("retry-after", String(retryAfterSeconds));
  return answer;
}

/** The same answer up to the headers; its body brings one byte and then nothing more. */
function stalled(answer: Response): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("{")),
    pull: () => new Promise(() => {}),
  });
  const headers = new Headers(answer.headers);
  headers.delete("content-length");
  return new Response(body, { status: answer.status, headers });
}

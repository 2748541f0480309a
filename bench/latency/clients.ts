/** The clients: a process that sends requests and measures how long they take. @module */

import { answerLines } from "../support/line_process.ts";
import { type ClientRequest, type Job, type JobResult, jobSchema } from "./jobs.ts";

async function run({ clients, requests, expected, everyMs }: Job): Promise<JobResult> {
  const samples: number[] = [];
  let problem: string | null = null;
  let begun = 0;

  async function client(request: ClientRequest, index: number): Promise<void> {
    // Clients that pace themselves do not all come at once.
    let due = performance.now() + (everyMs ?? 0) * index / clients.length;
    while (begun < requests && problem === null) {
      begun += 1;
      if (everyMs !== null) {
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())));
        due = Math.max(due + everyMs, performance.now());
      }
      const started = performance.now();
      const { status, text } = await send(request);
      samples.push(Number((performance.now() - started).toPrecision(3)));
      if (status !== expected) problem = `${status} ${text.slice(0, 500)}`;
    }
  }

  await Promise.all(clients.map(client));
  return { samples, problem };
}

async function send({ method, url, headers, body, keyed }: ClientRequest) {
  const key = keyed ? { "idempotency-key": crypto.randomUUID() } : {};
  const response = await fetch(url, { method, headers: { ...headers, ...key }, body });
  return { status: response.status, text: await response.text() };
}

await answerLines((question) => run(jobSchema.parse(question)));

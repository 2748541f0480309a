/** Worker threads that run seeds in parallel. @module */

import type { Answer, Order, SeedReport } from "./bench_protocol.ts";
import type { Cluster } from "./cluster.ts";
import type { Failure } from "./search.ts";

export interface Variant {
  /** A copy of `supabase/functions` to run instead of the project's. */
  folder: string | null;
  /** SQL that changes the database first. */
  patches: string[];
}

export const ORIGINAL: Variant = { folder: null, patches: [] };

export interface BenchThread {
  run(seed: number, most: number): Promise<SeedReport>;
  shrink(seed: number, most: number, timeMs: number): Promise<Failure | null>;
  close(): void;
}

let count = 0;

export async function startThread(cluster: Cluster, variant: Variant): Promise<BenchThread> {
  const databaseUrl = await cluster.clone(`simulation_${++count}`);
  const worker = new Worker(new URL("./bench_worker.ts", import.meta.url), { type: "module" });

  function ask<Did extends Answer["did"]>(
    order: Order,
    did: Did,
  ): Promise<Extract<Answer, { did: Did }>> {
    return new Promise((resolve, reject) => {
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(`Cannot simulate: ${event.message}`));
      };
      worker.onmessage = ({ data }: MessageEvent<Answer>) => {
        if (isAnswer(data, did)) resolve(data);
        else reject(new Error(data.did === "fail" ? data.error : `unexpected "${data.did}"`));
      };
      worker.postMessage(order);
    });
  }

  await ask({ do: "prepare", databaseUrl, ...variant }, "prepare");
  return {
    run: async (seed, most) => (await ask({ do: "run", seed, most }, "run")).report,
    shrink: async (seed, most, timeMs) =>
      (await ask({ do: "shrink", seed, most, timeMs }, "shrink")).failure,
    close: () => worker.terminate(),
  };
}

function isAnswer<Did extends Answer["did"]>(
  answer: Answer,
  did: Did,
): answer is Extract<Answer, { did: Did }> {
  return answer.did === did;
}

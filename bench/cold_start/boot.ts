/** A function process from its start to its first answers. @module */

import type { TestStack } from "../../tests/support/test_stack.ts";
import { prepareExtra } from "../support/extra_function.ts";

export interface Boot {
  /** Milliseconds from the start of the process until it listens. */
  listening: number;
  /** Milliseconds of its first request. */
  first: number;
  /** Of those after it. */
  later: number[];
}

/** A request that the function answers with `expected`, the same way each time. */
export interface Probe {
  method: string;
  /** Below the function's name. */
  path: string;
  headers: Record<string, string>;
  body?: string;
  expected: number;
}

const LATER = 10;

/** @throws {Error} when an answer is not the expected one. */
export async function boot(
  stack: TestStack,
  { name, folder, probe }: { name: string; folder: string; probe: Probe },
): Promise<Boot> {
  const start = await prepareExtra(stack, { name, folder });
  const started = performance.now();
  const pool = start();
  try {
    await pool.booted;
    const listening = since(started);
    const url = `${await pool.nextUrl()}/${name}${probe.path}`;
    const first = await timed(url, probe);
    const later: number[] = [];
    for (let i = 0; i < LATER; i++) later.push(await timed(url, probe));
    return { listening, first, later };
  } finally {
    await pool.stop();
  }
}

async function timed(url: string, { method, headers, body, expected }: Probe): Promise<number> {
  const started = performance.now();
  const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
  const text = await response.text();
  if (response.status !== expected) {
    throw new Error(`Cannot measure ${method} ${url}: ${response.status} ${text}`);
  }
  return since(started);
}

function since(started: number): number {
  return Number((performance.now() - started).toPrecision(4));
}

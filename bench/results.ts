/** Measurements on disk: bench/results, one file for each benchmark. @module */

import { join } from "@std/path/mod.js";
import { z } from "zod";
import { ROOT } from "../local/paths.ts";
import type { Measurement } from "./benchmark.ts";
import { prettyJson } from "./json.ts";

const FOLDER = join(ROOT, "bench", "results");

const measurementSchema: z.ZodType<Measurement> = z.object({
  benchmark: z.string(),
  scale: z.enum(["full", "quick"]),
  measuredAt: z.iso.datetime(),
  machine: z.object({
    os: z.string(),
    cpu: z.string(),
    cores: z.int(),
    memoryGiB: z.number(),
  }),
  versions: z.record(z.string(), z.string()),
  result: z.unknown(),
});

export async function saveMeasurement(measurement: Measurement): Promise<void> {
  await Deno.mkdir(FOLDER, { recursive: true });
  await Deno.writeTextFile(fileOf(measurement.benchmark), `${prettyJson(measurement)}\n`);
}

/** Null when it was never measured. */
export async function loadMeasurement(name: string): Promise<Measurement | null> {
  let text: string;
  try {
    text = await Deno.readTextFile(fileOf(name));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  return measurementSchema.parse(JSON.parse(text));
}

function fileOf(name: string): string {
  return join(FOLDER, `${name}.json`);
}

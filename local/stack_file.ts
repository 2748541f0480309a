/**
 * `.local/stack.json`: how other commands find the stack that `npm start` runs.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { readJsonFile, removeIfExists, writeJsonFile } from "./json_file.ts";
import { ROOT } from "./paths.ts";
import { commandLine } from "./process_info.ts";
import type { Stack } from "./stack.ts";

/** What the file says. */
export interface StackFile {
  pid: number;
  apiUrl: string;
  databaseUrl: string;
  adminDatabaseUrl: string;
  publishableKey: string;
  secretKey: string;
  acontext: Stack["acontext"];
}

/** Where `npm start` keeps everything. */
export const DATA_DIR: string = join(ROOT, ".local");
const STACK_FILE = join(DATA_DIR, "stack.json");

/** Announces a running stack of this process. */
export async function announceStack(stack: Stack): Promise<void> {
  const { apiUrl, databaseUrl, adminDatabaseUrl, publishableKey, secretKey, acontext } = stack;
  const file: StackFile = {
    pid: Deno.pid,
    apiUrl,
    databaseUrl,
    adminDatabaseUrl,
    publishableKey,
    secretKey,
    acontext,
  };
  await writeJsonFile(STACK_FILE, file);
}

/** Takes the announcement back. */
export async function withdrawStack(): Promise<void> {
  await removeIfExists(STACK_FILE);
}

/** The stack that `npm start` runs now, `null` when none does (a file left by a killed run does not count). */
export async function findRunningStack(): Promise<StackFile | null> {
  const file = await readJsonFile<StackFile>(STACK_FILE);
  if (file === null) return null;
  return (await commandLine(file.pid))?.includes("start.ts") ? file : null;
}

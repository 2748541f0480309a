/**
 * Brings the lock files up to date, for `npm run check -- --fix`. A version that is locked stays unless a deno.json asks
 * for another one.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { ROOT } from "../local/paths.ts";
import { LOCKS } from "./locks.ts";

if (import.meta.main) {
  try {
    for (const { file, update } of LOCKS) await update(join(ROOT, file));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    Deno.exit(1);
  }
}

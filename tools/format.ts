/**
 * Formats generated files as `deno fmt` does.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { ROOT } from "../local/paths.ts";

export async function format(source: string, ext: "ts" | "json" | "md"): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--config", join(ROOT, "deno.json"), "--ext", ext, "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  const { success, stdout } = await output;
  if (!success) throw new Error("Cannot format what was generated: deno fmt refused it");
  return new TextDecoder().decode(stdout);
}

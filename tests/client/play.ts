/** Plays an app of `apps/` in a page of its own origin. @module */

import { build, stop } from "esbuild";
import type { Scratch } from "./scratch.ts";

const CHROMIUM = "/usr/bin/chromium";

/** An app's module, which exports `play`, and what that is called with. */
export interface App {
  module: string;
  args: string[];
}

/** The app as one script that puts what happened into `report`. */
export async function bundleApp(
  { dir }: Scratch,
  { module, args, report }: App & { report: string },
): Promise<Uint8Array<ArrayBuffer>> {
  const call = `play(${args.map((arg) => JSON.stringify(arg)).join(", ")})`;
  try {
    const { outputFiles } = await build({
      absWorkingDir: dir,
      stdin: {
        contents: `import { play } from "./${module}";
          ${call}.then((result) => ${report}(result), (error) => ${report}([String(error)]));`,
        resolveDir: dir,
      },
      bundle: true,
      format: "iife",
      write: false,
    });
    return new Uint8Array(outputFiles[0]?.contents ?? []);
  } finally {
    await stop();
  }
}

/** Resolves to what happened. */
export async function playInBrowser(scratch: Scratch, app: App): Promise<unknown> {
  const report = "((result) => { globalThis.result = result; })";
  const script = await bundleApp(scratch, { ...app, report });
  const html = '<!doctype html><meta charset="utf-8"><script src="/app.js"></script>';
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    (request) =>
      new URL(request.url).pathname === "/app.js"
        ? new Response(script, { headers: { "content-type": "text/javascript; charset=utf-8" } })
        : new Response(html, { headers: { "content-type": "text/html" } }),
  );
  try {
    const url = `http://127.0.0.1:${server.addr.port}/`;
    return JSON.parse(await scratch.run("node", "browser.mjs", url));
  } finally {
    await server.shutdown();
  }
}

/** Whether there is a browser; says so when there is none. */
export async function hasBrowser(): Promise<boolean> {
  const found = await Deno.stat(CHROMIUM).then(() => true, () => false);
  if (!found) console.log(`left out: the browser: ${CHROMIUM} is not installed`);
  return found;
}

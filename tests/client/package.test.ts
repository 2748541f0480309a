import { assert, assertEquals } from "@std/assert/mod.js";
import { join, toFileUrl } from "@std/path/mod.js";
import { build, stop } from "esbuild";
import { bundleClient } from "../../tools/build_client.ts";
import { ROOT } from "../../local/paths.ts";
import { readStackInfo } from "../support/stack_info.ts";
import { type Scratch, withScratch } from "./scratch.ts";

const BUDGET = 5_000;
const CHROMIUM = "/usr/bin/chromium";

// Deleted within three seconds of a write, so the delete goes on after the answer.
const LIFE = [
  "assistant",
  "user",
  "counted",
  "image/png",
  "Trip to Łódź true",
  "3600",
  "deleting",
  "session_deleting 409 string",
];

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/**
 * What the compiler finds in the app and in the client's declarations. Those of supabase-js it finds fault with, too, but
 * `skipLibCheck` would skip ours with them.
 */
async function typeErrors({ run }: Scratch, ...options: string[]): Promise<string[]> {
  const tsc = ["node_modules/typescript/bin/tsc", "--ignoreConfig", "--noEmit", "app.ts"];
  try {
    await run("node", ...tsc, ...options);
    return [];
  } catch (error) {
    const lines = String(error).split("\n").filter((line) => /error TS\d+:/.test(line));
    // Without a single finding it did not run.
    if (lines.length === 0) throw error;
    return lines.filter((line) => !line.startsWith("node_modules/@supabase/"));
  }
}

/** The app as one script that puts what happened into `report`. */
async function bundleApp({ dir }: Scratch, report: string): Promise<Uint8Array<ArrayBuffer>> {
  const { apiUrl, publishableKey } = readStackInfo();
  const call = `play(${JSON.stringify(apiUrl)}, ${JSON.stringify(publishableKey)})`;
  try {
    const { outputFiles } = await build({
      absWorkingDir: dir,
      stdin: {
        contents: `import { play } from "./app.ts";
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

async function playInBrowser(scratch: Scratch): Promise<void> {
  const script = await bundleApp(scratch, "((result) => { globalThis.result = result; })");
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
    assertEquals(JSON.parse(await scratch.run("node", "browser.mjs", url)), LIFE);
  } finally {
    await server.shutdown();
  }
}

Deno.test("the packed client works in an app", async (t) => {
  await withScratch(async (scratch) => {
    const { dir, packed, run } = scratch;

    await t.step("the package holds the module, its types and nothing else", () => {
      const other = packed.filter((path) => !/^dist\/\w+\.d\.ts$/.test(path)).toSorted();
      assertEquals(other, ["LICENSE", "README.md", "dist/index.js", "package.json"]);
      assert(packed.includes("dist/index.d.ts"));
    });

    await t.step("it imports nothing at run time", async () => {
      const module = join(dir, "node_modules", "acontext-sessions-client", "dist", "index.js");
      assertEquals(
        /^\s*import\b|\bimport\(|\brequire\(/m.test(await Deno.readTextFile(module)),
        false,
      );
    });

    for (const [module, resolution] of [["esnext", "bundler"], ["nodenext", "nodenext"]] as const) {
      await t.step(`an app type checks strictly with module resolution ${resolution}`, async () => {
        const errors = await typeErrors(
          scratch,
          ...["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"],
          ...["--target", "es2022", "--lib", "es2022,dom,dom.iterable,esnext.disposable"],
          ...["--module", module, "--moduleResolution", resolution],
        );
        assertEquals(errors, []);
      });
    }

    await t.step("an app runs in Node", async () => {
      const script = await bundleApp(scratch, "((result) => console.log(JSON.stringify(result)))");
      // supabase-js wants a WebSocket, which Node 20 does not have; nothing here uses it.
      const socket = new TextEncoder().encode("globalThis.WebSocket ??= class {};\n");
      await Deno.writeFile(join(dir, "app.cjs"), new Blob([socket, script]).stream());
      assertEquals(JSON.parse(await run("node", "app.cjs")), LIFE);
    });

    await t.step("an app runs in Deno", async () => {
      const { apiUrl, publishableKey } = readStackInfo();
      const args = [apiUrl, publishableKey].map((text) => JSON.stringify(text)).join(", ");
      const source =
        `import { play } from "./app.ts";\nconsole.log(JSON.stringify(await play(${args})));`;
      await Deno.writeTextFile(join(dir, "deno.ts"), source);
      const out = await run(Deno.execPath(), "run", "--quiet", "-A", "--no-check", "deno.ts");
      assertEquals(JSON.parse(out), LIFE);
    });

    if (await exists(CHROMIUM)) {
      await t.step("an app runs in a browser, across origins", () => playInBrowser(scratch));
    } else {
      console.log(`left out: the browser: ${CHROMIUM} is not installed`);
    }
  });
});

Deno.test("the client is small", async () => {
  const bytes = new Uint8Array(await bundleClient({ outfile: null, minify: true }));
  const zipped = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  const { length } = new Uint8Array(await new Response(zipped).arrayBuffer());
  console.log(`${bytes.length} bytes minified, ${length} with gzip`);
  assert(length < BUDGET, `${length} bytes`);
});

/** What the snippet imports: the packages of the project and the client. */
async function importsOfApp(): Promise<Record<string, string>> {
  const { imports } = JSON.parse(await Deno.readTextFile(join(ROOT, "deno.json")));
  const client = toFileUrl(join(ROOT, "client", "src", "index.ts")).href;
  return { ...imports, "acontext-sessions-client": client };
}

Deno.test("README.md shows the whole life of a chat in 15 lines that run", async () => {
  const readme = await Deno.readTextFile(join(ROOT, "README.md"));
  const code = /## Use it from an app\n[\s\S]*?```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
  const lines = code.split("\n").filter((line) => line.trim() !== "");
  assert(lines.length > 0 && lines.length <= 15, `${lines.length} lines`);

  const { apiUrl, publishableKey } = readStackInfo();
  const dir = await Deno.makeTempDir();
  try {
    const file = join(dir, "snippet.ts");
    const values = { API_URL: apiUrl, PUBLISHABLE_KEY: publishableKey };
    const constants = Object.entries(values)
      .map(([name, value]) => `const ${name} = ${JSON.stringify(value)};\n`);
    await Deno.writeTextFile(file, `${constants.join("")}${code}\nDeno.exit(0);`);
    const importMap = join(dir, "import_map.json");
    await Deno.writeTextFile(importMap, JSON.stringify({ imports: await importsOfApp() }));
    const project = ["--config", join(ROOT, "deno.json"), "--import-map", importMap];
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--cached-only", "--check", "-A", ...project, file],
      env: { NO_COLOR: "1" },
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    assert(new TextDecoder().decode(stdout).includes("Trip to Lisbon"));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

import { assert, assertEquals } from "@std/assert/mod.js";
import { join, toFileUrl } from "@std/path/mod.js";
import { bundleClient } from "../../tools/build_client.ts";
import { ROOT } from "../../local/paths.ts";
import { readStackInfo } from "../support/stack_info.ts";
import { AppError } from "../../supabase/functions/_acontext_sessions/core/errors.ts";
import { serve } from "../../supabase/functions/_acontext_sessions/http/serve.ts";
import { type App, bundleApp, hasBrowser, playInBrowser } from "./play.ts";
import { type Scratch, withScratch } from "./scratch.ts";

const BUDGET = 5_000;

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

/** Nothing failed before the errors that were asked for, and each of those could be read. */
const PAGE = [
  "1",
  "text",
  "cleanup-sessions 401 unauthorized",
  "body_too_large 413 with id, null",
  "body_too_large 413 with id, null",
  "acontext_unavailable 503 with id, 5",
  "unauthorized 401 with id, null",
  "misconfigured 500 with id, null",
];

/** What tracing and the app add to a call. */
const SENT = {
  "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  "tracestate": "vendor=1",
  "baggage": "tenant=7",
  "x-my-app": "7",
  "sentry-trace": "x",
};

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

/** A project whose functions throw, and the headers of the calls that it got. */
async function withBrokenProject(
  use: (project: { url: string; calls: Headers[] }) => Promise<void>,
): Promise<void> {
  const calls: Headers[] = [];
  const broken = serve({
    name: "create-session",
    auth: () => Promise.resolve(null),
    routes: { "POST /": () => Promise.reject(new Error("broken")) },
    env: () => {
      throw new AppError("misconfigured");
    },
    log: { info() {}, warn() {}, error() {} },
  });
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    if (request.method !== "OPTIONS") calls.push(request.headers);
    return broken(request);
  });
  try {
    await use({ url: `http://127.0.0.1:${server.addr.port}`, calls });
  } finally {
    await server.shutdown();
  }
}

/** Acontext answers 503 to lists of the folder `/down/` while `use` runs. */
async function withListsDown(use: () => Promise<void>): Promise<void> {
  const faults = `${readStackInfo().acontext.controlUrl}/faults`;
  const rule = {
    route: "GET /disk/:id/artifact/ls",
    match: "down",
    fault: { kind: "status", status: 503 },
  };
  const set = await fetch(faults, { method: "PUT", body: JSON.stringify([rule]) });
  assertEquals([set.status, await set.text().then(() => 0)], [200, 0]);
  try {
    await use();
  } finally {
    await (await fetch(faults, { method: "DELETE" })).body?.cancel();
  }
}

Deno.test("the packed client works in an app", async (t) => {
  await withScratch(async (scratch) => {
    const { dir, packed, run } = scratch;
    const { apiUrl, publishableKey } = readStackInfo();
    const app: App = { module: "app.ts", args: [apiUrl, publishableKey] };

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
      const report = "((result) => console.log(JSON.stringify(result)))";
      const script = await bundleApp(scratch, { ...app, report });
      // supabase-js wants a WebSocket, which Node 20 does not have; nothing here uses it.
      const socket = new TextEncoder().encode("globalThis.WebSocket ??= class {};\n");
      await Deno.writeFile(join(dir, "app.cjs"), new Blob([socket, script]).stream());
      assertEquals(JSON.parse(await run("node", "app.cjs")), LIFE);
    });

    await t.step("an app runs in Deno", async () => {
      const args = app.args.map((text) => JSON.stringify(text)).join(", ");
      const source =
        `import { play } from "./app.ts";\nconsole.log(JSON.stringify(await play(${args})));`;
      await Deno.writeTextFile(join(dir, "deno.ts"), source);
      const out = await run(Deno.execPath(), "run", "--quiet", "-A", "--no-check", "deno.ts");
      assertEquals(JSON.parse(out), LIFE);
    });

    if (!await hasBrowser()) return;
    await t.step("an app runs in a browser, across origins", async () => {
      assertEquals(await playInBrowser(scratch, app), LIFE);
    });

    await t.step(
      "a page may trace, name a region and add headers, and can read each error",
      () =>
        withListsDown(() =>
          withBrokenProject(async ({ url, calls }) => {
            const args = [...app.args, url];
            assertEquals(await playInBrowser(scratch, { module: "page.ts", args }), PAGE);
            const [headers] = calls;
            for (const [name, value] of Object.entries(SENT)) {
              assertEquals(headers?.get(name), value, name);
            }
          })
        ),
    );
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

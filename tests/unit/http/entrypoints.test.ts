import { assert, assertEquals } from "@std/assert/mod.js";
import { ROOT as PROJECT } from "../../../local/paths.ts";
import { readProjectConfig } from "../../../local/project_config.ts";

const NAMES = [
  "create-session",
  "delete-session",
  "cleanup-sessions",
  "session-messages",
  "session-files",
  "session-health",
];
const WITH_ID = NAMES.filter((name) => !/^(create|cleanup)|health$/.test(name));
const FUNCTIONS = new URL("../../../supabase/functions/", import.meta.url);
const ROOT = new URL("../../../deno.json", import.meta.url);

async function readJson(url: URL) {
  return JSON.parse(await Deno.readTextFile(url));
}

Deno.test("each function exports a fetch that answers even when nothing is configured", async () => {
  const saved = Deno.env.toObject();
  for (const name of Object.keys(saved)) {
    if (/^(ACONTEXT|SUPABASE)_/.test(name)) Deno.env.delete(name);
  }
  try {
    for (const name of NAMES) {
      const { default: entry } = await import(new URL(`${name}/index.ts`, FUNCTIONS).href);
      const preflight = await entry.fetch(
        new Request(`http://x.test/${name}`, { method: "OPTIONS" }),
      );
      assertEquals(preflight.status, 204);
      const path = WITH_ID.includes(name) ? `${name}/11111111-2222-4333-8444-555555555555` : name;
      const response = await entry.fetch(
        new Request(`http://x.test/${path}`, {
          method: name === "session-health" ? "GET" : "POST",
        }),
      );
      const { code, message } = await response.json();
      assertEquals([response.status, code], [500, "misconfigured"]);
      assertEquals(message, 'Cannot answer: the variable "ACONTEXT_API_KEY" is missing');
    }
  } finally {
    for (const [name, value] of Object.entries(saved)) Deno.env.set(name, value);
  }
});

Deno.test("the functions' deno.json are identical, pinned to exact versions, and agree with the root", async () => {
  const root = await readJson(ROOT);
  const configs = await Promise.all(
    NAMES.map((name) => readJson(new URL(`${name}/deno.json`, FUNCTIONS))),
  );
  for (const config of configs) {
    assertEquals(config, configs[0]);
    assertEquals(config.lock, false);
    assertEquals(config.compilerOptions, root.compilerOptions);
    for (const [name, target] of Object.entries<string>(config.imports)) {
      assert(/^npm:@?[^@]+@\d+\.\d+\.\d+(\/|$)/.test(target), target);
      assertEquals(target, root.imports[name]);
    }
  }
});

Deno.test("the platform checks no token: each function does, whatever has signed it", async () => {
  const { functions } = await readProjectConfig(PROJECT);
  const checks = Object.entries(functions).map(([name, { verify_jwt }]) => [name, verify_jwt]);
  assertEquals(checks.toSorted(), NAMES.map((name) => [name, false]).toSorted());
});

Deno.test("index.ts is wiring only, Deno.env is read in one file, and no function imports another", async () => {
  for (const name of NAMES) {
    const text = await Deno.readTextFile(new URL(`${name}/index.ts`, FUNCTIONS));
    assert(text.split("\n").length <= 40, name);
    for (const other of NAMES) {
      if (other !== name) assertEquals(text.includes(`../${other}`), false);
    }
  }
  const readers: string[] = [];
  const rights: string[] = [];
  const visit = async (folder: URL): Promise<void> => {
    for await (const entry of Deno.readDir(folder)) {
      if (entry.isDirectory) await visit(new URL(`${entry.name}/`, folder));
      else if (entry.name.endsWith(".ts")) {
        const text = await Deno.readTextFile(new URL(entry.name, folder));
        if (text.includes("Deno.env")) readers.push(entry.name);
        if (text.includes("supabaseAdmin")) rights.push(entry.name);
      }
    }
  };
  await visit(FUNCTIONS);
  assertEquals([readers, rights], [["env.ts"], ["wiring.ts"]]);
});

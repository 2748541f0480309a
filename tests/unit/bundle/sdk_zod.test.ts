import { assert, assertEquals, assertThrows } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { ROOT } from "../../../local/paths.ts";
import { importMapOf, unpackPackages } from "../../../tools/bundle/packages.ts";
import { z } from "../../../tools/bundle/replacements/zod.ts";
import { LOCK, withFolder } from "./fixtures.ts";

async function scripts(folder: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) texts.push(...await scripts(path));
    else if (name.endsWith(".js")) texts.push(await Deno.readTextFile(path));
  }
  return texts;
}

/** All code of the SDK that the lock file names. */
function sdkSource(): Promise<string> {
  return withFolder(async (folder) => {
    const imports = await importMapOf(join(ROOT, "supabase", "functions", "create-session"));
    await unpackPackages(folder, { imports, lock: LOCK });
    const texts = await scripts(join(folder, "node_modules", "@acontext", "acontext", "dist"));
    return texts.join("\n");
  });
}

Deno.test("the SDK's zod has all that the SDK uses of it", async () => {
  const source = await sdkSource();
  assert(source.includes('const zod_1 = require("zod")'));
  const uses = source.match(/\bzod_1\.?\w*\.?\w*/g) ?? [];
  const other = new Set(uses.filter((use) => use !== "zod_1" && !/^zod_1\.z\.\w+$/.test(use)));
  assertEquals([...other], []);
  const names = new Set(uses.flatMap((use) => /^zod_1\.z\.(\w+)$/.exec(use)?.[1] ?? []));
  assert(names.size > 5);
  for (const name of names) assertEquals(typeof Reflect.get(Object(z), name), "function", name);
});

Deno.test("the SDK's zod refuses what is not in it", () => {
  assertThrows(
    () => Reflect.get(Object(z), "templateLiteral"),
    Error,
    "Cannot use z.templateLiteral: add it to tools/bundle/replacements/zod.ts",
  );
});

Deno.test("the functions' lock file has one version of zod, so the SDK's is ours", async () => {
  const { npm } = JSON.parse(await Deno.readTextFile(LOCK));
  assertEquals(Object.keys(npm).filter((id) => id.startsWith("zod@")).length, 1);
  assertEquals(npm["@acontext/acontext@0.0.16"].dependencies, ["zod"]);
});

import { assertEquals } from "@std/assert/mod.js";

const DOCS = new URL("../../docs/operations.md", import.meta.url);
const SUPABASE = new URL("../../supabase/", import.meta.url);

async function uninstalling(): Promise<string> {
  const text = await Deno.readTextFile(DOCS);
  return text.slice(text.indexOf("## Uninstalling"), text.indexOf("## Never"));
}

Deno.test("uninstalling drops every public function that the migrations make", async () => {
  const made = new Set<string>();
  for await (const { name } of Deno.readDir(new URL("migrations/", SUPABASE))) {
    const sql = await Deno.readTextFile(new URL(`migrations/${name}`, SUPABASE));
    for (const [, found = ""] of sql.matchAll(/^create (?:or replace )?function public\.(\w+)/gm)) {
      made.add(found);
    }
  }
  const list = /proname in \(([^)]+)\)/.exec(await uninstalling())?.[1] ?? "";
  const dropped = [...list.matchAll(/'(\w+)'/g)].map(([, name = ""]) => name);
  assertEquals(dropped.toSorted(), [...made].toSorted());
});

Deno.test("uninstalling deletes every Edge Function", async () => {
  const folders: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL("functions/", SUPABASE))) {
    if (isDirectory && !name.startsWith("_")) folders.push(name);
  }
  const text = await uninstalling();
  const deleted = [...text.matchAll(/functions delete ([\w-]+)/g)].map(([, name]) => name);
  assertEquals(deleted.toSorted(), folders.toSorted());
});

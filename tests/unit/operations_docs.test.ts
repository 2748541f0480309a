import { assertEquals } from "@std/assert/mod.js";

const DOCS = new URL("../../docs/operations.md", import.meta.url);
const SUPABASE = new URL("../../supabase/", import.meta.url);

/** What `pattern` finds, sorted, with single blanks. */
function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)]
    .map(([, found = ""]) => found.replaceAll(/\s+/g, " "))
    .toSorted();
}

async function migrations(): Promise<{ versions: string[]; sql: string }> {
  const names = await Array.fromAsync(
    Deno.readDir(new URL("migrations/", SUPABASE)),
    ({ name }) => name,
  );
  const files = names.toSorted().map((name) =>
    Deno.readTextFile(new URL(`migrations/${name}`, SUPABASE))
  );
  const versions = names.map((name) => name.slice(0, name.indexOf("_")));
  return { versions: versions.toSorted(), sql: (await Promise.all(files)).join("") };
}

Deno.test("the uninstall script names all that the migrations make", async () => {
  const script = await Deno.readTextFile(new URL("uninstall.sql", SUPABASE));
  const { versions, sql } = await migrations();
  assertEquals(all(script, /'(\d{14})'/g), versions);
  // With their parameters, for the app may have functions of the same name.
  const dropped = all(sql, /^drop function (public\.\w+\([^)]*\));/gm);
  const made = all(sql, /^revoke execute on function (public\.\w+\([^)]*\))/gm);
  assertEquals(
    all(script, /^ {2}(public\.\w+\([^)]*\))[,;]$/gm),
    made.filter((name) => !dropped.includes(name)),
  );
  assertEquals(
    all(script, /^ {2}(\w+\.\w+)(?: cascade)?[,;]$/gm),
    // A function that answers something else than before was made twice.
    [
      ...new Set(
        all(
          sql,
          /^create (?:(?:unlogged )?table|type|function(?= acontext_sessions)) (\w+\.\w+)/gm,
        ),
      ),
    ],
  );
  const jobs = /'(acontext-sessions-\w+)'/g;
  assertEquals(all(script, jobs), all(sql, jobs));
});

Deno.test("docs/architecture.md lists every table", async () => {
  const text = await Deno.readTextFile(new URL("architecture.md", DOCS));
  const [, section = ""] = text.split("\nIn the schema `acontext_sessions`:\n");
  const [table = ""] = section.split("\n\nThe schema is not exposed");
  const { sql } = await migrations();
  assertEquals(
    all(table, /^\| `(\w+)`/gm),
    all(sql, /^create (?:unlogged )?table acontext_sessions\.(\w+)/gm),
  );
});

Deno.test("uninstalling deletes every Edge Function", async () => {
  const folders: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL("functions/", SUPABASE))) {
    if (isDirectory && !name.startsWith("_")) folders.push(name);
  }
  const text = await Deno.readTextFile(DOCS);
  assertEquals(all(text, /functions delete ([\w-]+)/g), folders.toSorted());
});

import { assertEquals, assertMatch } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { functionEnvironment } from "../../local/functions/environment.ts";
import { loadKeys } from "../../local/keys.ts";

async function namespaceIn(
  dataDir: string,
  options: { realAcontext: boolean; file?: Record<string, string> },
): Promise<string | undefined> {
  const environment = functionEnvironment({
    apiUrl: "http://127.0.0.1:1",
    databaseUrl: "postgresql://127.0.0.1:1",
    keys: await loadKeys(join(dataDir, "keys.json")),
    acontext: { baseUrl: "https://acontext.test", apiKey: "sk-ac-test" },
    realAcontext: options.realAcontext,
    file: options.file ?? {},
    extra: {},
  });
  return environment["SESSION_NAMESPACE"];
}

Deno.test("with a real Acontext each data directory has a namespace of its own that stays", async () => {
  const [one, two] = [await Deno.makeTempDir(), await Deno.makeTempDir()];
  try {
    const first = await namespaceIn(one, { realAcontext: true });
    assertMatch(first ?? "", /^local-[0-9a-f]{8}$/);
    assertEquals(await namespaceIn(one, { realAcontext: true }), first);
    assertEquals(await namespaceIn(two, { realAcontext: true }) === first, false);
    assertEquals(await namespaceIn(one, { realAcontext: false }), undefined);
    const file = { SESSION_NAMESPACE: "mine" };
    assertEquals(await namespaceIn(one, { realAcontext: true, file }), "mine");
  } finally {
    for (const folder of [one, two]) await Deno.remove(folder, { recursive: true });
  }
});

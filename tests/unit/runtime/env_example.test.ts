import { assertEquals } from "@std/assert/mod.js";
import { parseEnv } from "../../../supabase/functions/_acontext_sessions/runtime/env.ts";

const FUNCTIONS = new URL("../../../supabase/functions/", import.meta.url);
const PLATFORM = {
  SUPABASE_URL: "http://127.0.0.1:54321",
  SUPABASE_SECRET_KEYS: '{"default":"sb_secret_x"}',
};

/** The variables of the example, those that it only mentions included. */
async function example(): Promise<[string, string][]> {
  const text = await Deno.readTextFile(new URL(".env.example", FUNCTIONS));
  return [...text.matchAll(/^(?:# )?([A-Z_]+)=(.*)$/gm)].map((
    [, name, value],
  ) => [`${name}`, `${value}`]);
}

Deno.test(".env.example has every variable that is ours, and no other", async () => {
  const source = await Deno.readTextFile(
    new URL("_acontext_sessions/runtime/env.ts", FUNCTIONS),
  );
  const read = [...source.matchAll(/^ {2}([A-Z_]+): /gm)].map(([, name]) => `${name}`);
  const names = (await example()).map(([name]) => name);
  assertEquals(names.toSorted(), read.filter((name) => !/^(SUPABASE|SB)_/.test(name)).toSorted());
});

Deno.test("the values in .env.example are the defaults, or valid", async () => {
  const given: Partial<Record<string, string>> = Object.fromEntries(await example());
  const required = { ...PLATFORM, ACONTEXT_API_KEY: "sk-ac-x" };
  const namespace = given["SESSION_NAMESPACE"] ?? "";
  assertEquals(
    parseEnv({ ...given, ...required }),
    parseEnv({ ...required, SESSION_NAMESPACE: namespace }),
  );
});

import { assertEquals } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { readProjectConfig } from "../../../local/project_config.ts";

async function authOf(config: string) {
  const projectDir = await Deno.makeTempDir();
  await Deno.mkdir(join(projectDir, "supabase"));
  await Deno.writeTextFile(join(projectDir, "supabase", "config.toml"), config);
  const { auth } = await readProjectConfig(projectDir);
  await Deno.remove(projectDir, { recursive: true });
  return auth;
}

Deno.test("readProjectConfig() has the platform's limit of anonymous sign-ins where none is said", async () => {
  const { anonymousSignInsPerHour, enableAnonymousSignIns } = await authOf("");
  assertEquals([anonymousSignInsPerHour, enableAnonymousSignIns], [30, false]);
});

Deno.test("readProjectConfig() takes the limit of anonymous sign-ins from the config", async () => {
  const auth = await authOf("[auth.rate_limit]\nanonymous_users = 7\n");
  assertEquals(auth.anonymousSignInsPerHour, 7);
});

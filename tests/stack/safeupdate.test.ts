import { assertEquals } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { startStack } from "../../local/stack.ts";
import { createProject, stackTest } from "./fixture.ts";

const MIGRATION = `
  create function public.rename_all() returns void language plpgsql
  as $$ begin update public.notes set body = 'x'; end $$;
  create function public.forget_all() returns void begin atomic delete from public.notes; end;
  create function public.rename_mine() returns void language sql
  as $$ update public.notes set body = 'x' where user_id = (select auth.uid()) $$;
  grant update, delete on public.notes to service_role;`;

stackTest(
  "the API refuses to change all rows of a table, and a start tells of functions that do",
  async () => {
    const projectDir = await createProject();
    const dataDir = await Deno.makeTempDir({ prefix: "stack-safeupdate-" });
    await Deno.writeTextFile(
      join(projectDir, "supabase", "migrations", "20260102000000_rename.sql"),
      MIGRATION,
    );
    const lines: string[] = [];
    const stack = await startStack({
      projectDir,
      dataDir,
      ports: "free",
      log: (line) => lines.push(line),
    });
    try {
      const refused = "A hosted project refuses this through the API (21000, safeupdate):";
      assertEquals(lines.filter((line) => line.includes("safeupdate")), [
        `${refused} forget_all() has "delete from notes" without where`,
        `${refused} rename_all() has "update public.notes set body =" without where`,
      ]);

      const answers = [];
      for (
        const [method, query] of [
          ["PATCH", ""],
          ["DELETE", "?select=id&order=id"],
          ["PATCH", "?id=eq.1"],
          ["DELETE", "?or=(id.eq.1,id.eq.2)"],
        ] as const
      ) {
        const answer = await fetch(`${stack.apiUrl}/rest/v1/notes${query}`, {
          method,
          headers: { apikey: stack.secretKey, "content-type": "application/json" },
          ...(method === "PATCH" ? { body: JSON.stringify({ body: "y" }) } : {}),
        });
        const text = await answer.text();
        answers.push([answer.status, text === "" ? null : JSON.parse(text)]);
      }
      const refusal = (statement: string) => ({
        code: "21000",
        details: null,
        hint: null,
        message: `${statement} requires a WHERE clause`,
      });
      assertEquals(answers, [[400, refusal("UPDATE")], [400, refusal("DELETE")], [204, null], [
        204,
        null,
      ]]);
    } finally {
      await stack.stop();
      await Deno.remove(projectDir, { recursive: true });
      await Deno.remove(dataDir, { recursive: true });
    }
  },
);

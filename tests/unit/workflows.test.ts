import { assertEquals } from "@std/assert/mod.js";
import { parse } from "@std/yaml/mod.js";
import { z } from "zod";

const FOLDER = new URL("../../.github/workflows/", import.meta.url);

const env = z.record(z.string(), z.string()).default({});
const workflowSchema = z.object({
  permissions: z.record(z.string(), z.string()),
  env,
  jobs: z.record(
    z.string(),
    z.object({
      needs: z.union([z.string(), z.array(z.string())]).optional(),
      uses: z.string().optional(),
      env,
      steps: z.array(z.object({ uses: z.string().optional(), run: z.string().default(""), env }))
        .default([]),
    }),
  ),
});

async function readWorkflows() {
  const workflows: { name: string; text: string; jobs: z.infer<typeof workflowSchema>["jobs"] }[] =
    [];
  for await (const { name } of Deno.readDir(FOLDER)) {
    const text = await Deno.readTextFile(new URL(name, FOLDER));
    const { jobs, permissions, env } = workflowSchema.parse(parse(text));
    assertEquals([permissions["id-token"], Object.keys(env)], [undefined, []], name);
    workflows.push({ name, text, jobs });
  }
  return workflows.toSorted((a, b) => a.name < b.name ? -1 : 1);
}

Deno.test("workflows use actions by commit, and say which version that is", async () => {
  for (const { name, text } of await readWorkflows()) {
    const used = [...text.matchAll(/uses: (.+)/g)].map(([, what = ""]) => what);
    const loose = used.filter((what) =>
      !/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(what) && !what.startsWith("./")
    );
    assertEquals([name, loose], [name, []]);
  }
});

Deno.test("workflows show secrets only to the steps that name them, and never to an installation", async () => {
  for (const { name, text, jobs } of await readWorkflows()) {
    let shown = 0;
    for (const job of Object.values(jobs)) {
      assertEquals([name, job.env], [name, {}]);
      for (const step of job.steps) {
        const secrets = Object.values(step.env).filter((value) => value.includes("secrets."));
        shown += secrets.length;
        if (/npm (install|ci)|npm run build/.test(step.run)) assertEquals(secrets, []);
      }
    }
    assertEquals([name, text.split("secrets.").length - 1], [name, shown]);
  }
});

Deno.test("main is deployed after its tests: migrations and functions, then the doctor", async () => {
  const workflows = await readWorkflows();
  const { test, deploy } = workflows.find(({ name }) => name === "deploy.yml")?.jobs ?? {};
  assertEquals([test?.uses, deploy?.needs], ["./.github/workflows/ci.yml", "test"]);
  const commands = deploy?.steps.map(({ run }) => run).filter((run) => run !== "") ?? [];
  assertEquals(commands.slice(-2), ["npm run deploy", "npm run doctor"]);
});

Deno.test("the client is published after all tests, apart from where it was built", async () => {
  const workflows = await readWorkflows();
  const { publish } = workflows.find(({ name }) => name === "release-client.yml")?.jobs ?? {};
  assertEquals(publish?.needs, ["test", "build"]);
  assertEquals(
    publish?.steps.map(({ run }) => run).filter((run) => run !== ""),
    ["npm publish ./acontext-sessions-client-*.tgz --provenance --access public"],
  );
});

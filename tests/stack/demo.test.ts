import { assertEquals, assertMatch } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { ROOT } from "../../local/paths.ts";

const WHOLE_STORY = /^demo: created 7, expired 4, deleted 1, retried 1, leaked (\d+)$/m;

async function demo(...args: string[]): Promise<{ code: number; output: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(ROOT, "local", "demo.ts"), ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Until `sign` has been printed. */
async function readUntil(output: ReadableStream<Uint8Array>, sign: string): Promise<void> {
  let text = "";
  for await (const chunk of output.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes(sign)) return;
  }
  throw new Error(`Cannot go on: "${sign}" is not in: ${text}`);
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory) await copyFolder(source, target);
    else await Deno.copyFile(source, target);
  }
}

Deno.test("the demo tells the whole story and finds no leak", async () => {
  const { code, output } = await demo("--project", ROOT);
  assertEquals(WHOLE_STORY.exec(output)?.[1], "0", output);
  assertEquals(code, 0);
});

Deno.test("the demo finds the leak and exits with 1 when the cleanup is sabotaged", async () => {
  const project = await Deno.makeTempDir({ prefix: "acontext-sessions-sabotage-" });
  try {
    await copyFolder(join(ROOT, "supabase"), join(project, "supabase"));
    const file = join(
      project,
      "supabase",
      "functions",
      "_acontext_sessions",
      "acontext",
      "resources.ts",
    );
    const honest = await Deno.readTextFile(file);
    // Says that each disk is gone, without asking for it.
    const sabotaged = honest.replace(
      'return remove("disk", remoteId, limitMs);',
      'return Promise.resolve({ kind: "done", value: null });',
    );
    assertEquals(sabotaged === honest, false);
    await Deno.writeTextFile(file, sabotaged);
    const { code, output } = await demo("--project", project);
    assertMatch(output, /LEAKED: disk/);
    assertEquals(code, 1, output);
  } finally {
    await Deno.remove(project, { recursive: true });
  }
});

Deno.test("the demo leaves nothing behind when it is stopped midway", async () => {
  const temporary = await Deno.makeTempDir({ prefix: "acontext-sessions-stopped-" });
  try {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", join(ROOT, "local", "demo.ts"), "--project", ROOT],
      cwd: ROOT,
      env: { NO_COLOR: "1", TMPDIR: temporary },
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    await readUntil(child.stdout, "1. Two people sign in");
    child.kill("SIGTERM");
    assertEquals((await child.status).code, 130);
    assertEquals(Array.from(Deno.readDirSync(temporary), ({ name }) => name), []);
  } finally {
    await Deno.remove(temporary, { recursive: true });
  }
});

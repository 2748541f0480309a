import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { ROOT } from "../../local/paths.ts";
import { commandLine } from "../../local/process_info.ts";
import { startStack } from "../../local/stack.ts";
import { eventually } from "../support/eventually.ts";
import { createProject } from "./fixture.ts";

/** What is in a clone and matters for `npm start`. */
const PARTS = [
  ...["bench", "client", "local", "ops", "supabase", "tests", "tools"],
  ...["deno.json", "deno.lock", "package.json", "package-lock.json", ".npmrc"],
];

/** Nobody listens on port 1. */
const NO_NETWORK = {
  npm_config_registry: "http://127.0.0.1:1/",
  HTTPS_PROXY: "http://127.0.0.1:1",
  HTTP_PROXY: "http://127.0.0.1:1",
  NO_PROXY: "127.0.0.1,localhost",
};

/** A copy of the project, in a folder that only its owner can enter, as `mktemp -d` and /root are. */
async function cloneProject(): Promise<string> {
  const parent = await Deno.makeTempDir({ prefix: "stack-clone-" });
  await Deno.chmod(parent, 0o700);
  const folder = join(parent, "clone");
  await Deno.mkdir(folder, { mode: 0o700 });
  const copy = await new Deno.Command("cp", {
    args: ["-R", ...PARTS.map((part) => join(ROOT, part)), folder],
  }).output();
  assert(copy.success);
  await Deno.symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Command lines of running processes that have to do with `folder`. */
async function processesOf(folder: string): Promise<string[]> {
  const pids = Deno.build.os === "linux"
    ? [...Deno.readDirSync("/proc")].map(({ name }) => Number(name))
    : new TextDecoder().decode(
      (await new Deno.Command("ps", { args: ["-eo", "pid="] }).output()).stdout,
    ).split("\n").map(Number);
  const lines = await Promise.all(pids.map((pid) => commandLine(pid)));
  return lines.filter((line) => line !== null).filter((line) => line.includes(folder));
}

interface Run {
  process: Deno.ChildProcess;
  /** Everything printed so far. */
  output(): string;
  ended: Promise<Deno.CommandStatus>;
}

function run(
  folder: string,
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Run {
  const process = new Deno.Command(command, {
    args,
    cwd: folder,
    env: { NO_COLOR: "1", ACONTEXT_API_KEY: "", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let text = "";
  async function collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) text += part;
  }
  const collected = Promise.all([collect(process.stdout), collect(process.stderr)]);
  const ended = process.status.then(async (status) => {
    await collected;
    return status;
  });
  return { process, ended, output: () => text };
}

async function startAndWait(folder: string, env: Record<string, string> = {}): Promise<Run> {
  const started = run(folder, "npm", ["start", "--", "--free-ports"], env);
  await eventually("it says how to stop", () => {
    if (/Cannot|rror:/.test(started.output())) throw new Error(started.output());
    return started.output().includes("Ctrl-C stops everything");
  }, 60_000);
  return started;
}

async function readStackFile(folder: string): Promise<{ pid: number; apiUrl: string }> {
  return JSON.parse(await Deno.readTextFile(join(folder, ".local", "stack.json")));
}

async function assertNothingLeft(folder: string) {
  await eventually("all processes have ended", async () => {
    return (await processesOf(join(folder, ".local"))).length === 0;
  }, 15_000);
}

Deno.test("npm start works in a folder nobody else can enter, and its curl lines do what they say", async () => {
  const folder = await cloneProject();
  const started = await startAndWait(folder);
  const lines = started.output().split("\n").filter((line) => line.startsWith("curl "));
  const answers: string[] = [];
  for (const line of lines) {
    const curl = run(folder, "/bin/sh", ["-c", line]);
    await curl.ended;
    answers.push(curl.output());
  }
  assertEquals(lines.length, 3);
  assertMatch(answers[0] ?? "", /"status":"active"/);
  assertMatch(answers[1] ?? "", /"deleted":true/);
  assertMatch(answers[2] ?? "", /"failed":0/);

  const mode = (await Deno.stat(join(folder, ".local", "stack.json"))).mode ?? 0;
  assertEquals(mode & 0o077, 0);

  // Ctrl-C.
  Deno.kill((await readStackFile(folder)).pid, "SIGINT");
  await started.ended;
  assertStringIncludes(started.output(), "Stopped.");
  await assertNothingLeft(folder);
  const left = [...Deno.readDirSync(join(folder, ".local"))].map(({ name }) => name);
  assertEquals(left.includes("stack.json") || left.includes("run.json"), false);

  // The next start needs no network, and finds the same user.
  const user = /"sub":"([^"]+)"/;
  const tokenOf = (output: string) =>
    atob(
      (/user token\s+[^.]+\.([^.]+)/.exec(output)?.[1] ?? "").replaceAll("-", "+").replaceAll(
        "_",
        "/",
      ),
    );
  const before = user.exec(tokenOf(started.output()))?.[1];
  const again = await startAndWait(folder, NO_NETWORK);
  assertEquals(user.exec(tokenOf(again.output()))?.[1], before);

  // The terminal is closed on npm: everything ends by itself.
  Deno.kill(again.process.pid, "SIGKILL");
  await again.ended;
  await assertNothingLeft(folder);

  // The stack's own process is killed: its programs end, and the next start recovers.
  const killed = await startAndWait(folder);
  Deno.kill((await readStackFile(folder)).pid, "SIGKILL");
  await killed.ended;
  await assertNothingLeft(folder);
  const recovered = await startAndWait(folder);
  Deno.kill(recovered.process.pid, "SIGTERM");
  await recovered.ended;
  await assertNothingLeft(folder);
  await Deno.remove(join(folder, ".."), { recursive: true });
});

Deno.test("npm start says which port is taken, by whom, and what to do", async () => {
  const folder = await cloneProject();
  let listener: Deno.Listener | null = null;
  try {
    listener = Deno.listen({ hostname: "127.0.0.1", port: 54321 });
  } catch {
    // A stack of the developer's has it, which is just as good.
  }
  const refused = run(folder, "node", ["tools/run.mjs", "start"]);
  const { code } = await refused.ended;
  listener?.close();
  assertEquals(code, 1);
  assertMatch(
    refused.output(),
    /^Cannot start: port 54321 \(API gateway\) is taken by .+ or run `npm start -- --free-ports`$/m,
  );
  if (Deno.build.os === "linux") assertStringIncludes(refused.output(), `(process `);
  await assertNothingLeft(folder);
  await Deno.remove(join(folder, ".."), { recursive: true });
});

Deno.test("npm start and npm run demo end with the error of a function that does not start", async () => {
  const folder = await cloneProject();
  const index = join(folder, "supabase", "functions", "session-files", "index.ts");
  await Deno.writeTextFile(index, 'throw new Error("broken on purpose");\nexport default {};\n');
  for (const args of [["start", "--", "--free-ports"], ["run", "demo"]]) {
    const broken = run(folder, "npm", args);
    const { code } = await broken.ended;
    assertEquals(code, 1, broken.output());
    assertStringIncludes(broken.output(), 'Cannot start function "session-files":');
    assertStringIncludes(broken.output(), "broken on purpose");
    assertStringIncludes(broken.output(), "then start again");
    assertEquals(broken.output().includes("Ready in"), false);
  }
  await assertNothingLeft(folder);
  await Deno.remove(join(folder, ".."), { recursive: true });
});

Deno.test("npm start refuses the data of another version and says what to do, which works", async () => {
  const folder = await cloneProject();
  const otherProject = await createProject();
  const other = await startStack({
    projectDir: otherProject,
    dataDir: join(folder, ".local"),
    ports: "free",
  });
  await other.stop();

  const refused = run(folder, "node", ["tools/run.mjs", "start", "--free-ports"]);
  assertEquals((await refused.ended).code, 1);
  assertMatch(
    refused.output(),
    /^Cannot apply the migrations: another version of this project made the local database\. It has 1 migration that this one lacks \(20260101000000\)\. Run `npm start -- --reset` to start over/m,
  );
  await assertNothingLeft(folder);

  const fresh = run(folder, "node", ["tools/run.mjs", "start", "--free-ports", "--reset"]);
  await eventually(
    "it starts over",
    () => fresh.output().includes("Ctrl-C stops everything"),
    60_000,
  );
  Deno.kill((await readStackFile(folder)).pid, "SIGINT");
  await fresh.ended;
  await assertNothingLeft(folder);
  await Deno.remove(join(folder, ".."), { recursive: true });
  await Deno.remove(otherProject, { recursive: true });
});

Deno.test("run.mjs explains itself", async () => {
  const wrong = run(ROOT, "node", ["tools/run.mjs", "toString"]);
  assertEquals((await wrong.ended).code, 1);
  assertStringIncludes(wrong.output(), "Usage: node tools/run.mjs start|demo|test|check");
});

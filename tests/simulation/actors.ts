/** What processes do: the bodies of the functions' requests, without the HTTP around them. @module */

import type { CreateInput } from "../../supabase/functions/_acontext_sessions/core/sessions/create_session.ts";
import { portsOf } from "./ports.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

/** As the function is deployed. */
const TIME_BUDGET_MS = 100_000;

export interface WorkerRequest {
  task: "sweep" | "reconcile";
  runId: string;
  dryRun: boolean;
  force: boolean;
  limit: number | null;
}

export function startCreate(world: World, input: CreateInput, random: Random): Process {
  const process = world.start("create", "create", random);
  process.sessionId = input.id ?? null;
  const { createSession } = world.system;
  return follow(world, process, `create ${input.id ?? "a session"}`, async () => {
    const { created, session } = await createSession(portsOf(world, process), input);
    return `${created ? "created" : "existing"} ${session.id}`;
  });
}

export function startDelete(
  world: World,
  input: { userId: string; sessionId: string },
  random: Random,
): Process {
  const process = world.start("delete", "delete", random);
  const { deleteSession } = world.system;
  return follow(world, process, `delete ${input.sessionId}`, async () => {
    const { deleted } = await deleteSession(portsOf(world, process), input);
    return deleted ? "deleted" : "deleting";
  });
}

export function startRestore(
  world: World,
  input: { userId: string; sessionId: string },
  random: Random,
): Process {
  const process = world.start("restore", "restore", random);
  const { restoreSession } = world.system;
  return follow(world, process, `restore ${input.sessionId}`, async () => {
    await restoreSession(portsOf(world, process), input);
    return "restored";
  });
}

/** A message that says what everybody says. */
export function startSay(
  world: World,
  key: { userId: string; sessionId: string },
  random: Random,
): Process {
  const process = world.start("say", "say", random);
  const { storeMessage } = world.system;
  return follow(world, process, `say in ${key.sessionId}`, async () => {
    const message = {
      format: "openai",
      message: { role: "user", content: "hi" },
      meta: {},
      attachments: new Map(),
    } as const;
    await storeMessage(portsOf(world, process), { key, message, idempotency: null });
    return "stored";
  });
}

/** A file with content that is told from others by its length. */
export function startUpload(
  world: World,
  { key, name, content }: {
    key: { userId: string; sessionId: string };
    name: number;
    content: number;
  },
  random: Random,
): Process {
  const process = world.start("upload", "upload", random);
  const { uploadFile } = world.system;
  return follow(world, process, `upload ${name} to ${key.sessionId}`, async () => {
    const bytes = new TextEncoder().encode("same ".repeat(1 + content));
    const { replaced } = await uploadFile(portsOf(world, process), {
      key,
      path: "/",
      content: { filename: `${name}.txt`, contentType: "text/plain", bytes },
    });
    return replaced ? "replaced" : "stored";
  });
}

/** Copies a session in Acontext, which the project knows nothing of. */
export function startCopy(world: World, sessionId: string, random: Random): Process {
  const process = world.start("copy", "copy", random);
  return follow(world, process, `copy ${sessionId}`, async () => {
    try {
      return `${await world.remote.copy(process, sessionId)}`;
    } catch {
      return "no answer";
    }
  });
}

/** What cleanup-sessions does with one request. */
export function startWorker(world: World, request: WorkerRequest, random: Random): Process {
  const { task, runId, dryRun } = request;
  const process = world.start(task, task, random);
  const { system } = world;
  const ports = portsOf(world, process);
  const options = { ...request, timeBudgetMs: TIME_BUDGET_MS, signal: process.shutdown.signal };
  return follow(world, process, `${task} ${runId}${dryRun ? " dry" : ""}`, async () => {
    try {
      const report = task === "sweep"
        ? await system.sweep(ports, options)
        : await system.reconcile({ ...ports, store: ports.reconcileStore }, options);
      return report.stopReason;
    } catch (error) {
      if (!dryRun) {
        await (task === "sweep"
          ? ports.store.finishRun(runId, system.failedSweep(runId, "internal"))
          : ports.reconcileStore.finishReconcile(runId, system.failedReconcile(runId, "internal")));
      }
      throw error;
    }
  });
}

function follow(
  world: World,
  process: Process,
  what: string,
  work: () => Promise<string>,
): Process {
  world.note(`${process.name}: starts, ${what}`);
  const end = (outcome: string) => {
    process.end(outcome);
    world.note(`${process.name}: ends, ${outcome}`);
  };
  work().then(end, (error) => {
    if (!(error instanceof Error)) return end("threw");
    if (!("code" in error)) world.report("stuck", "unexpected error", `${error.stack}`);
    end("code" in error ? String(error.code) : error.message);
  });
  return process;
}

/** Commands of this version on a project that is still one of before. */

import { assertEquals, assertRejects } from "@std/assert/mod.js";
import type { Api } from "../../../ops/api.ts";
import type { Command } from "../../../ops/command.ts";
import { stuck } from "../../../ops/commands/stuck.ts";
import { sweep } from "../../../ops/commands/sweep.ts";
import { OpsError } from "../../../ops/ops_error.ts";

/** Runs a command where each function gives its answer. */
async function run(command: Command, answers: Record<string, () => unknown>) {
  const lines: string[] = [];
  const answer: Api["rpc"] = (name, _args, schema) =>
    Promise.resolve().then(() => schema.parse(answers[name]?.()));
  const api: Api = {
    rpc: answer,
    invoke: (name, schema) => answer(name, {}, schema),
    signUpAnonymously: () => Promise.reject(new Error("unused")),
    deleteAccount: () => Promise.reject(new Error("unused")),
  };
  const code = await command({
    api,
    target: { url: "http://project.test", secretKey: "sb_secret_x", local: false },
    output: { result: (_value, show) => lines.push(...show()), progress: () => {} },
    args: [],
    flags: { dryRun: true, force: false, limit: null },
    pause: () => Promise.resolve(),
  });
  return { code, lines };
}

Deno.test("a dry run is understood that does not tell what is held back", async () => {
  const preview = () => ({ total: 3, remaining: 3, stopReason: "dry_run" });
  assertEquals(await run(sweep, { "cleanup-sessions": preview }), {
    code: 0,
    lines: ["3 would be deleted"],
  });
});

Deno.test("stuck deletions are shown where nothing can be set aside yet", async () => {
  const refusing = (code: string) => () => {
    throw new OpsError("Cannot call it", { status: 404, code });
  };
  const answers = { acontext_list_stuck: () => [] };
  assertEquals(await run(stuck, { ...answers, acontext_list_set_aside: refusing("PGRST202") }), {
    code: 0,
    lines: ["Nothing is stuck"],
  });
  await assertRejects(
    () => run(stuck, { ...answers, acontext_list_set_aside: refusing("42501") }),
    OpsError,
  );
});

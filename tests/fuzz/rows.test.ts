import { assert, assertEquals } from "@std/assert/mod.js";
import { createCalls } from "../integration/support/functions.ts";
import type { Act, Names } from "./acts.ts";
import { type Column, COLUMNS, EXTREMES, USER_COLUMNS } from "./extremes.ts";
import { problemsAfter, type Stage } from "./stage.ts";
import { inParallel } from "./use.ts";

function change(role: "ann" | "service", column: Column, value: string): Act {
  return {
    role,
    method: "PATCH",
    path: "/rest/v1/session_mappings?id=eq.{own}",
    headers: { "content-type": "application/json", prefer: "return=representation" },
    body: `{"${column}":${value}}`,
  };
}

function insertion(column: Column, value: string): Act {
  const id = column === "id" ? "" : '"id":"{new}",';
  const owner = column === "user_id" ? "" : '"user_id":"{me}",';
  return {
    ...change("service", column, value),
    method: "POST",
    path: "/rest/v1/session_mappings",
    body: `{${id}${owner}"${column}":${value}}`,
  };
}

/** Writes each value to a session of its own. Answers what is wrong, and how many were taken. */
async function plant({ cast, send, info }: Stage, acts: Act[]): Promise<{ problems: string[]; taken: number }> {
  const calls = createCalls(info);
  const problems: string[] = [];
  let taken = 0;
  await inParallel(acts, async (act) => {
    const { user } = cast.parties[act.role];
    if (user === null) return;
    const { id } = await calls.created(user);
    const fresh = crypto.randomUUID();
    const names: Names = {
      ...{ own: id, own2: fresh, foreign: id, gone: id, new: fresh, me: user.id, other: user.id },
    };
    const { status, problem } = await send(act, names);
    if (problem !== null) problems.push(`${problem}\n  ${JSON.stringify(act).slice(0, 400)}`);
    if (status < 300) taken++;
    // Only rows that hold something are worth a try.
    else await calls.remove(user, id);
  });
  return { problems, taken };
}

Deno.test("any row that the REST API takes, whoever writes it, leaves everything working", async () => {
  const problems = await problemsAfter(async (stage, found) => {
    const writes = [
      ...USER_COLUMNS.flatMap((column) => EXTREMES[column].map((value) => change("ann", column, value))),
      ...COLUMNS.flatMap((column) => EXTREMES[column].map((value) => change("service", column, value))),
      ...COLUMNS.flatMap((column) => EXTREMES[column].map((value) => insertion(column, value))),
    ];
    const { problems, taken } = await plant(stage, writes);
    console.log(`Rows: ${writes.length} written, ${taken} taken`);
    found("write", problems);
    assert(taken > 150, "nearly all was refused: too little is tried");
  });
  assertEquals(problems, [], `${problems.length} problems`);
});

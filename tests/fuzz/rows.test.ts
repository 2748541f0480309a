import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import postgres from "postgres";
import { createCalls } from "../integration/support/functions.ts";
import { readStackInfo } from "../support/stack_info.ts";
import { MEMORY_KIB } from "./backends.ts";
import type { Act, Names } from "./acts.ts";
import { type Column, COLUMNS, EXTREMES, USER_COLUMNS } from "./extremes.ts";
import { WRITES } from "./regressions.ts";
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

function creation(value: string): Act {
  return {
    role: "ann",
    method: "POST",
    path: "/functions/v1/create-session",
    headers: { "content-type": "application/json" },
    body: `{"id":"{new}","metadata":${value}}`,
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
async function plant(
  { cast, send, info }: Stage,
  acts: Act[],
): Promise<{ problems: string[]; taken: number }> {
  const calls = createCalls(info);
  const problems: string[] = [];
  let taken = 0;
  await inParallel(acts, async (act) => {
    const { user } = cast.parties[act.role];
    if (user === null) return;
    const id = act.path.includes("{own}") ? (await calls.created(user)).id : crypto.randomUUID();
    const fresh = crypto.randomUUID();
    const names: Names = {
      ...{ own: id, own2: fresh, foreign: id, gone: id, new: fresh, me: user.id, other: user.id },
    };
    const { status, problem } = await send(act, names);
    if (problem !== null) problems.push(`${problem}\n  ${JSON.stringify(act).slice(0, 400)}`);
    if (status < 300) taken++;
    // Only rows that hold something are worth a try.
    else if (act.path.includes("{own}")) await calls.remove(user, id);
  });
  return { problems, taken };
}

Deno.test("a process of the server that wants more memory than it may have gets none", async () => {
  const { databaseUrl } = readStackInfo();
  const sql = postgres(databaseUrl, { max: 1 });
  try {
    const most = MEMORY_KIB * 1024;
    const error = await assertRejects(
      () => sql`select length(repeat('x', ${most}))`,
      postgres.PostgresError,
    );
    assertEquals(error.code, "53200");
  } finally {
    await sql.end({ timeout: 1 });
  }
});

Deno.test("any row that the REST API takes, whoever writes it, leaves everything working", async () => {
  const problems = await problemsAfter(async (stage, found) => {
    const writes = [
      ...USER_COLUMNS.flatMap((column) =>
        EXTREMES[column].map((value) => change("ann", column, value))
      ),
      ...COLUMNS.flatMap((column) =>
        EXTREMES[column].map((value) => change("service", column, value))
      ),
      ...COLUMNS.flatMap((column) => EXTREMES[column].map((value) => insertion(column, value))),
      ...EXTREMES.metadata.map(creation),
      ...WRITES,
    ];
    const { problems, taken } = await plant(stage, writes);
    console.log(`Rows: ${writes.length} written, ${taken} taken`);
    found("write", problems);
    assert(taken > 150, "nearly all was refused: too little is tried");
  });
  assertEquals(problems, [], `${problems.length} problems`);
});

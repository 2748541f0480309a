import { assertEquals } from "@std/assert/mod.js";
import { errorsByStatus } from "../../tools/openapi/document.ts";
import { OPERATIONS } from "../../tools/openapi/operations.ts";
import { type AnswerRecord, recordSchema } from "../integration/support/record.ts";
import { operationOf, problemOf } from "./answers.ts";

async function readRecords(): Promise<AnswerRecord[]> {
  const path = Deno.env.get("TEST_RECORD_FILE");
  if (path === undefined) {
    throw new Error(
      "Cannot compare: no answers were recorded. Use `npm test -- integration`, which records them",
    );
  }
  const lines = (await Deno.readTextFile(path)).trim().split("\n");
  return lines.map((line) => recordSchema.parse(JSON.parse(line)));
}

Deno.test("every answer is one that openapi.json documents", async () => {
  const problems = new Set<string>();
  for (const record of await readRecords()) {
    const problem = problemOf(record);
    if (problem === null) continue;
    problems.add(`${record.method} ${record.path} ${record.status}: ${problem}`);
  }
  assertEquals([...problems], []);
});

Deno.test("every answer that openapi.json documents occurs in a test", async () => {
  const met = new Set<string>();
  for (const record of await readRecords()) {
    const operation = operationOf(record);
    if (operation !== undefined) met.add(`${operation.method} ${operation.path} ${record.status}`);
  }
  const missing: string[] = [];
  for (const operation of OPERATIONS) {
    const statuses = [...Object.keys(operation.answers), ...errorsByStatus(operation).keys()];
    for (const status of statuses) {
      const name = `${operation.method} ${operation.path} ${status}`;
      if (!met.has(name)) missing.push(name);
    }
  }
  assertEquals(missing, []);
});

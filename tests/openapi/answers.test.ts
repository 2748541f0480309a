import { assertEquals } from "@std/assert/mod.js";
import { z } from "zod";
import { errorsByStatus } from "../../tools/openapi/document.ts";
import { type Operation, OPERATIONS } from "../../tools/openapi/operations.ts";
import { errorBody } from "../../supabase/functions/_acontext_sessions/contract/answers.ts";
import { type AnswerRecord, recordSchema } from "../integration/support/record.ts";

/** What the gateway says before a function is asked. */
const platformBody = z.object({ code: z.string(), message: z.string() });

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

function operationOf({ method, path }: AnswerRecord): Operation | undefined {
  return OPERATIONS.find((operation) => operation.method === method && fits(operation.path, path));
}

function fits(template: string, path: string): boolean {
  return new RegExp(`^${template.replace("{id}", "[^/]+")}$`).test(path);
}

/** What is wrong with an answer, if anything. */
function problemOf(record: AnswerRecord): string | null {
  const { status, body, requestId } = record;
  const operation = operationOf(record);
  if (operation === undefined) {
    const expected = OPERATIONS.some(({ path }) => fits(path, record.path)) ? 405 : 404;
    return status === expected && errorBody.safeParse(body).success ? null : "no such route";
  }
  const answer = operation.answers[status];
  if (answer !== undefined) {
    if (answer.schema === "binary" || (answer.text === true && body === null)) return null;
    const { error } = answer.schema.safeParse(body);
    return error === undefined ? null : `body: ${z.prettifyError(error)}`;
  }
  const codes = errorsByStatus(operation).get(status);
  if (codes === undefined) return "undocumented status";
  if (requestId === null) {
    return platformBody.safeParse(body).success ? null : "no code and message";
  }
  const error = errorBody.safeParse(body);
  if (!error.success) return `body: ${z.prettifyError(error.error)}`;
  return codes.includes(error.data.code) ? null : `undocumented code ${error.data.code}`;
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

/** Whether an answer of a function is one that openapi.json documents. @module */

import { z } from "zod";
import { errorsByStatus } from "../../tools/openapi/document.ts";
import { type Operation, OPERATIONS } from "../../tools/openapi/operations.ts";
import { errorBody } from "../../supabase/functions/_acontext_sessions/contract/answers.ts";
import type { AnswerRecord } from "../integration/support/record.ts";

/** What the gateway says before a function is asked. */
const platformBody = z.object({ code: z.string(), message: z.string() });

export function operationOf({ method, path }: AnswerRecord): Operation | undefined {
  return OPERATIONS.find((operation) => operation.method === method && fits(operation.path, path));
}

function fits(template: string, path: string): boolean {
  return new RegExp(`^${template.replace("{id}", "[^/]+")}$`).test(path);
}

/** What is wrong with an answer, if anything. */
export function problemOf(record: AnswerRecord): string | null {
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

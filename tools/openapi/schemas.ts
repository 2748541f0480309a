/**
 * The contract's schemas under their public names, as JSON Schema.
 *
 * @module
 */

import { z } from "zod";
import * as answers from "../../supabase/functions/_acontext_sessions/contract/answers.ts";
import { cleanupBody } from "../../supabase/functions/_acontext_sessions/contract/cleanup.ts";
import { createSessionBody } from "../../supabase/functions/_acontext_sessions/contract/sessions.ts";
import { messageFormats } from "../../supabase/functions/_acontext_sessions/contract/formats.ts";
import {
  editStrategy,
  storeMessageBody,
} from "../../supabase/functions/_acontext_sessions/contract/messages.ts";

/** A JSON Schema, and in the end all of an OpenAPI document. */
export type Node = { [key: string]: unknown };

const FORMAT_NAMES = {
  openai: "OpenaiMessage",
  acontext: "AcontextMessage",
  anthropic: "AnthropicMessage",
  gemini: "GeminiMessage",
} as const satisfies Record<keyof typeof messageFormats, string>;

const NAMED: Record<string, z.ZodType> = {
  Session: answers.session,
  CreateSessionBody: createSessionBody,
  DeleteAnswer: answers.deleteAnswer,
  CleanupBody: cleanupBody,
  SweepReport: answers.sweepReport,
  ReconcileReport: answers.reconcileReport,
  AcceptedAnswer: answers.acceptedAnswer,
  StoreMessageBody: storeMessageBody,
  ...Object.fromEntries(
    Object.entries(messageFormats).map(([format, schema]) => [nameOf(format), schema]),
  ),
  StoredMessage: answers.storedMessage,
  EditStrategy: editStrategy,
  MessagePage: answers.messagePage,
  TokenCount: answers.tokenCount,
  FileView: answers.fileView,
  Directory: answers.directory,
  FileLink: answers.fileLink,
  FileDeletion: answers.fileDeletion,
  ErrorCode: answers.errorCode,
  ErrorDetail: answers.errorDetail,
  ErrorBody: answers.errorBody,
};

const registry = z.registry<{ id: string }>();
for (const [id, schema] of Object.entries(NAMED)) registry.add(schema, { id });

export const reference = (name: string): Node => ({ $ref: `#/components/schemas/${name}` });

/** The schemas by name, referring to each other. */
export function componentSchemas(): Record<string, Node> {
  const { schemas } = z.toJSONSchema(registry, {
    io: "input",
    unrepresentable: "any",
    uri: (name) => `#/components/schemas/${name}`,
  });
  const components = Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _, $id: __, ...schema }]): [string, Node] => [
      name,
      { ...schema },
    ]),
  );
  return { ...components, StoreMessageBody: withFormats(components["StoreMessageBody"]) };
}

/** A reference to a schema that has a name, else the schema itself. */
export function schemaOf(schema: z.ZodType): Node {
  const known = Object.entries(NAMED).find(([, candidate]) => candidate === schema);
  if (known) return reference(known[0]);
  if (schema instanceof z.ZodUnion) {
    return {
      anyOf: schema.options.map((option) => option instanceof z.ZodType ? schemaOf(option) : {}),
    };
  }
  const { $schema: _, ...node } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return { ...node };
}

/** Which format the message has to fit is checked in code: the schema of the body cannot say it. */
function withFormats(body: Node = {}): Node {
  const { properties } = z.object({ properties: z.record(z.string(), z.json()) }).parse(body);
  const message = {
    description: "In the format that `format` names",
    anyOf: Object.values(FORMAT_NAMES).map(reference),
  };
  return { ...body, properties: { ...properties, message } };
}

function nameOf(format: string): string {
  return Object.entries(FORMAT_NAMES).find(([key]) => key === format)?.[1] ?? format;
}

/**
 * openapi.json, from the contract of the functions.
 *
 * @module
 */

import { z } from "zod";
import { idempotencyKey } from "../../supabase/functions/_acontext_sessions/contract/messages.ts";
import { ERRORS } from "../../supabase/functions/_acontext_sessions/core/errors.ts";
import { type AnswerSchema, type Operation, OPERATIONS } from "./operations.ts";
import { componentSchemas, type Node, reference, schemaOf } from "./schemas.ts";

const REQUEST_ID = { "x-request-id": { $ref: "#/components/headers/RequestId" } };

/** The whole document. */
export function openApiDocument(): Node {
  const paths: Record<string, Node> = {};
  for (const operation of OPERATIONS) {
    const path = paths[operation.path] ??= {};
    path[operation.method.toLowerCase()] = describe(operation);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "acontext-sessions",
      version: "0.1.0",
      description: "Chat sessions with their messages and files. Generated: do not edit.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [
      {
        url: "https://{ref}.supabase.co/functions/v1",
        description: "A hosted project",
        variables: { ref: { default: "abcdefghijklmnopqrst", description: "The project's ref" } },
      },
      { url: "http://127.0.0.1:54321/functions/v1", description: "npm start" },
    ],
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: {
        user: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
        secretKey: { type: "apiKey", in: "header", name: "apikey" },
        runId: {
          type: "apiKey",
          in: "header",
          name: "x-run-id",
          description: "Of a run that the schedule has called: starts it, once",
        },
      },
      headers: {
        RequestId: { description: "Finds the request in the logs", schema: { type: "string" } },
      },
      responses: {
        Unexpected: {
          description: "Anything else: `internal`, `misconfigured`, or an answer of the platform",
          content: json(reference("ErrorBody")),
        },
      },
    },
  };
}

/** The errors of an operation by their status. */
export function errorsByStatus({ errors }: Operation): Map<number, string[]> {
  const byStatus = new Map<number, string[]>();
  for (const code of new Set(errors)) {
    const { status } = ERRORS[code];
    byStatus.set(status, [...byStatus.get(status) ?? [], code]);
  }
  return byStatus;
}

const SECURITY: Record<Operation["auth"], Node[]> = {
  user: [{ user: [] }],
  runOrSecretKey: [{ secretKey: [] }, { runId: [] }],
  anybody: [{}, { secretKey: [] }],
};

function describe(operation: Operation): Node {
  const parameters = parametersOf(operation);
  const body = bodyOf(operation);
  return {
    operationId: operation.id,
    summary: operation.summary,
    security: SECURITY[operation.auth],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === null ? {} : { requestBody: body }),
    responses: responsesOf(operation),
  };
}

function parametersOf({ path, query, idempotencyKey: hasKey }: Operation): Node[] {
  const parameters: Node[] = [];
  if (path.includes("{id}")) {
    parameters.push({
      name: "id",
      in: "path",
      required: true,
      description: "The session's",
      schema: { type: "string", format: "uuid" },
    });
  }
  const { properties = {}, required = [] } = query === undefined
    ? {}
    : z.toJSONSchema(query, { io: "input", unrepresentable: "any" });
  for (const [name, schema] of Object.entries(properties)) {
    const strategies = { type: "array", maxItems: 10, items: reference("EditStrategy") };
    parameters.push({
      name,
      in: "query",
      required: required.includes(name),
      // The one parameter that is JSON.
      ...(name === "editStrategies" ? { content: json(strategies) } : { schema }),
    });
  }
  if (hasKey === true) {
    parameters.push({
      name: "Idempotency-Key",
      in: "header",
      required: false,
      description: "The same key never stores twice",
      schema: schemaOf(idempotencyKey),
    });
  }
  return parameters;
}

function bodyOf({ body, form }: Operation): Node | null {
  if (body === undefined && form === undefined) return null;
  const content = {
    ...(body === undefined ? {} : json(schemaOf(body))),
    ...(form === undefined ? {} : { "multipart/form-data": { schema: formOf(form) } }),
  };
  const optional = body !== undefined && body.safeParse({}).success;
  return { required: !optional, content };
}

function formOf(form: NonNullable<Operation["form"]>): Node {
  const file = { type: "string", contentMediaType: "application/octet-stream" };
  if ("payload" in form) {
    const properties = { payload: schemaOf(form.payload) };
    return { type: "object", required: ["payload"], properties, additionalProperties: file };
  }
  const { properties = {} } = z.toJSONSchema(form.fields, { io: "input", unrepresentable: "any" });
  return {
    type: "object",
    required: ["file"],
    properties: { ...properties, file },
    additionalProperties: false,
  };
}

function responsesOf(operation: Operation): Node {
  const responses: Node = {};
  for (const [status, { description, schema, text }] of Object.entries(operation.answers)) {
    const content = {
      ...contentOf(schema),
      ...(text === true ? { "text/plain": { schema: { type: "string" } } } : {}),
    };
    responses[status] = { description, headers: REQUEST_ID, content };
  }
  for (const [status, codes] of errorsByStatus(operation)) {
    const waits = codes.some((code) => WAITING.has(code));
    const retryAfter = { description: "Seconds to wait", schema: { type: "integer" } };
    responses[String(status)] = {
      description: codes.map((code) => `\`${code}\``).join(", "),
      headers: { ...REQUEST_ID, ...(waits ? { "retry-after": retryAfter } : {}) },
      content: json({
        allOf: [reference("ErrorBody"), { properties: { code: { enum: codes } } }],
      }),
    };
  }
  responses["default"] = { $ref: "#/components/responses/Unexpected" };
  return responses;
}

const WAITING: ReadonlySet<string> = new Set(
  Object.entries(ERRORS).filter(([, kind]) => "retryAfterSeconds" in kind).map(([code]) => code),
);

function contentOf(schema: AnswerSchema): Node {
  return schema === "binary" ? { "*/*": { schema: {} } } : json(schemaOf(schema));
}

function json(schema: Node): Node {
  return { "application/json": { schema } };
}

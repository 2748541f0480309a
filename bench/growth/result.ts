/** What this benchmark gives back. @module */

import { z } from "zod";
import { summarySchema } from "../statistics.ts";

/** Their names for people are in the statements themselves. */
const STATEMENTS = [
  "claim",
  "settle",
  "expire",
  "listFirstPage",
  "longListFirstPage",
  "longListLastPage",
  "use",
  "touch",
  "keyedMessage",
  "create",
  "delete",
  "restore",
  "restampStep",
  "expiryLimit",
  "endOfRun",
  "health",
] as const;
export type StatementKey = typeof STATEMENTS[number];

const databaseSchema = z.object({
  sessions: z.int(),
  /** Past their expiry; about as many more are in the queue. */
  due: z.int(),
});

const statementSchema = z.object({
  statement: z.enum(STATEMENTS),
  /** Milliseconds in the server, for each database. */
  ms: z.array(summarySchema),
  /** Read or written by one attempt on a kept connection, each time counted, for each database: a figure without noise. */
  pages: z.array(z.int()),
});

const scanSchema = z.object({
  statement: z.enum(STATEMENTS),
  relation: z.string(),
  /** Read by one scan. */
  rows: z.number(),
  pages: z.number(),
});

const relationSchema = z.object({
  /** The table; for an index, the table it belongs to. */
  table: z.string(),
  name: z.string(),
  kind: z.enum(["table", "index", "toast"]),
  bytes: z.number(),
});

const messagesSchema = z.object({
  /** From one message of a session to its next. */
  secondsBetween: z.number(),
  withKey: z.boolean(),
  messages: z.number(),
  updates: z.number(),
  hotUpdates: z.number(),
  /** Bytes of WAL for each message when the page has been written since the last checkpoint. */
  walBytes: z.number(),
  /** The same right after a checkpoint: the first change of a page is written as the whole page. */
  walBytesAfterCheckpoint: z.number(),
});

const workSchema = z.object({
  sessions: z.number(),
  batch: z.number(),
  workers: z.number(),
  deleted: z.number(),
  /** Of expiring, claiming and settling together, from the first to the last. */
  seconds: z.number(),
  /** In the server, by step, all workers together. */
  expireMs: z.number(),
  claimMs: z.number(),
  settleMs: z.number(),
  walBytes: z.number(),
});

export const resultSchema = z.object({
  sharedBuffers: z.string(),
  /** Ascending. */
  databases: z.array(databaseSchema),
  statements: z.array(statementSchema),
  /** What follows is of the largest database. */
  relations: z.array(relationSchema),
  /** Plans that were looked at. */
  plans: z.int(),
  /** Sequential scans of tables that grow: the longest of each table in each statement. */
  scans: z.array(scanSchema),
  messages: z.array(messagesSchema),
  work: z.array(workSchema),
});

export type Growth = z.infer<typeof resultSchema>;
export type DatabaseSize = z.infer<typeof databaseSchema>;
export type StatementFigures = z.infer<typeof statementSchema>;
export type Scan = z.infer<typeof scanSchema>;
export type Relation = z.infer<typeof relationSchema>;
export type Messages = z.infer<typeof messagesSchema>;
export type Work = z.infer<typeof workSchema>;

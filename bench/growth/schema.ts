/** The result as it is kept. @module */

import { z } from "zod";

const samplesSchema = z.object({
  name: z.string(),
  hot: z.boolean(),
  /** Milliseconds in the server; one list for each of `sessions`. */
  ms: z.array(z.array(z.number())),
});

const nodeSchema = z.object({
  /** As EXPLAIN calls it. */
  node: z.string(),
  relation: z.string().optional(),
  index: z.string().optional(),
  /** Answered, all loops together. */
  rows: z.number(),
  /** Read and thrown away by a filter. */
  removed: z.number().optional(),
  /** Pages from shared buffers and from outside, those of the nodes below included. */
  hit: z.number(),
  read: z.number(),
});

const planSchema = z.object({
  statement: z.string(),
  sessions: z.number(),
  /** Of a new connection, or of one that has run the statement several times. */
  connection: z.enum(["new", "kept"]),
  query: z.string(),
  /** How often this plan ran in one attempt. */
  times: z.number(),
  /** Outer nodes first. */
  nodes: z.array(nodeSchema),
});

const pagesSchema = z.object({
  statement: z.string(),
  sessions: z.number(),
  /** Read or written by one attempt on a kept connection, each time counted: a figure without noise. */
  pages: z.number(),
});

const relationSchema = z.object({
  /** The table; for an index, the table it belongs to. */
  table: z.string(),
  name: z.string(),
  kind: z.enum(["table", "index", "toast"]),
  bytes: z.number(),
});

const databaseSchema = z.object({
  sessions: z.number(),
  /** Past their expiry; about as many more are in the queue. */
  due: z.number(),
  seedSeconds: z.number(),
  rows: z.record(z.string(), z.number()),
  relations: z.array(relationSchema),
});

const messagesSchema = z.object({
  kind: z.string(),
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
  /** Of acontext_queue_due_sessions, acontext_claim_deletions and acontext_settle_deletions together, from the first to the last. */
  seconds: z.number(),
  /** In the server, by function, all workers together. */
  expireMs: z.number(),
  claimMs: z.number(),
  settleMs: z.number(),
  walBytes: z.number(),
});

export const growthSchema = z.object({
  sessions: z.array(z.number()),
  sharedBuffers: z.string(),
  databases: z.array(databaseSchema),
  statements: z.array(samplesSchema),
  plans: z.array(planSchema),
  pages: z.array(pagesSchema),
  /** Of the largest database. */
  messages: z.array(messagesSchema),
  work: z.array(workSchema),
});

export type Growth = z.infer<typeof growthSchema>;
export type Samples = z.infer<typeof samplesSchema>;
export type Plan = z.infer<typeof planSchema>;
export type Pages = z.infer<typeof pagesSchema>;
export type PlanNode = z.infer<typeof nodeSchema>;
export type Relation = z.infer<typeof relationSchema>;
export type DatabaseSize = z.infer<typeof databaseSchema>;
export type Messages = z.infer<typeof messagesSchema>;
export type Work = z.infer<typeof workSchema>;

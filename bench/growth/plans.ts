/**
 * The plans of everything that runs inside the functions, as the server itself reports them (auto_explain).
 *
 * @module
 */

import { z } from "zod";
import { attempt } from "./attempt.ts";
import type { Scan, StatementKey } from "./result.ts";
import { isMeasured, Session } from "./session.ts";
import { STATEMENTS } from "./statements.ts";
import type { Subject } from "./subject.ts";

/** Tables that grow with use. A sequential scan of any other table costs the same however long the project runs. */
const GROWING = [
  "session_mappings",
  "deletion_queue",
  "deletion_log",
  "message_keys",
  "runs",
  "settings_log",
  "provisioning_leases",
  "uncertain_sessions",
  "users",
  "job_run_details",
  "http_request_queue",
  "_http_response",
];

interface PlanNode {
  /** As EXPLAIN calls it. */
  node: string;
  relation?: string;
  index?: string;
  /** Answered, all loops together. */
  rows: number;
  /** Read and thrown away by a filter. */
  removed?: number;
  /** Pages, those of the nodes below included. */
  pages: number;
}

export interface CollectedPlans {
  plans: Plan[];
  /** Of each statement. */
  pages: number[];
}

interface Plan {
  statement: StatementKey;
  /** Of a new connection, or of one that has run the statement several times. */
  connection: "new" | "kept";
  query: string;
  /** How often this plan ran in one attempt. */
  times: number;
  /** Outer nodes first. */
  nodes: PlanNode[];
}

interface ExplainNode {
  "Node Type": string;
  "Relation Name"?: string | undefined;
  "Index Name"?: string | undefined;
  "Actual Rows": number;
  "Actual Loops": number;
  "Rows Removed by Filter"?: number | undefined;
  "Shared Hit Blocks": number;
  "Shared Read Blocks": number;
  Plans?: ExplainNode[] | undefined;
}

const explainNodeSchema: z.ZodType<ExplainNode> = z.object({
  "Node Type": z.string(),
  "Relation Name": z.string().optional(),
  "Index Name": z.string().optional(),
  "Actual Rows": z.number(),
  "Actual Loops": z.number(),
  "Rows Removed by Filter": z.number().optional(),
  "Shared Hit Blocks": z.number(),
  "Shared Read Blocks": z.number(),
  get Plans() {
    return z.array(explainNodeSchema).optional();
  },
});

const explainSchema = z.object({ "Query Text": z.string(), Plan: explainNodeSchema });

type Explained = z.infer<typeof explainSchema>;

/** Attempts after which plpgsql has settled for plans. */
const ATTEMPTS_BEFORE = 6;

/**
 * Plans of one attempt of each statement, on a new connection and on one that has run it before; and, for each statement,
 * how many pages it reads or writes on the latter.
 */
export async function collectPlans(
  subject: Subject,
): Promise<CollectedPlans> {
  const plans: Plan[] = [];
  const pages: number[] = [];
  for (const statement of STATEMENTS) {
    const session = await Session.connect(subject.url);
    const own = { ...subject, session };
    const collect = async (connection: Plan["connection"], round: number) => {
      const texts = await session.withPlans(() => attempt(statement, own, round));
      const explained = texts.map((text) => explainSchema.parse(JSON.parse(text)));
      plans.push(...condense(explained, { statement: statement.key, connection }));
      if (connection === "kept") pages.push(pagesOfAttempt(explained));
    };
    try {
      await collect("new", 0);
      for (let round = 1; round <= ATTEMPTS_BEFORE; round++) await attempt(statement, own, round);
      await collect("kept", ATTEMPTS_BEFORE + 1);
    } finally {
      await session.close();
    }
  }
  return { plans, pages };
}

/** Sequential scans of tables that grow: the longest of each table in each statement. */
export function scansIn(plans: Plan[]): Scan[] {
  const scans = new Map<string, Scan>();
  for (const { statement, nodes, times } of plans) {
    for (const { node, relation, rows, removed = 0, pages } of nodes) {
      if (node !== "Seq Scan" || relation === undefined || !GROWING.includes(relation)) continue;
      const scan = { statement, relation, rows: (rows + removed) / times, pages: pages / times };
      const key = `${statement} ${relation}`;
      if (scan.rows >= (scans.get(key)?.rows ?? 0)) scans.set(key, scan);
    }
  }
  return [...scans.values()];
}

/** A statement's figures include those of what its functions run. */
function pagesOfAttempt(explained: Explained[]): number {
  return explained.filter((one) => isMeasured(one["Query Text"]))
    .reduce((sum, { Plan: root }) => sum + pagesOf(root), 0);
}

function pagesOf(node: ExplainNode): number {
  return node["Shared Hit Blocks"] + node["Shared Read Blocks"];
}

/** The same query with the same nodes is kept once, with what all its runs read. */
function condense(
  explained: Explained[],
  of: Pick<Plan, "statement" | "connection">,
): Plan[] {
  const found = new Map<string, Plan>();
  for (const { "Query Text": query, Plan: root } of explained) {
    const nodes = flatten(root);
    if (nodes.every(({ relation }) => relation === undefined)) continue;
    const plan = { ...of, query: shorten(query), times: 1, nodes };
    const key = JSON.stringify([plan.query, nodes.map(({ node, index }) => [node, index])]);
    const same = found.get(key);
    if (same === undefined) found.set(key, plan);
    else found.set(key, { ...same, times: same.times + 1, nodes: same.nodes.map(plus(nodes)) });
  }
  return [...found.values()];
}

function plus(others: PlanNode[]) {
  return (node: PlanNode, i: number): PlanNode => {
    const other = others[i];
    if (other === undefined) return node;
    const removed = (node.removed ?? 0) + (other.removed ?? 0);
    return {
      ...node,
      rows: node.rows + other.rows,
      pages: node.pages + other.pages,
      ...(removed > 0 && { removed }),
    };
  };
}

function flatten(node: ExplainNode): PlanNode[] {
  const loops = node["Actual Loops"];
  const removed = node["Rows Removed by Filter"];
  const relation = node["Relation Name"];
  const index = node["Index Name"];
  return [
    {
      node: node["Node Type"],
      ...(relation !== undefined && { relation }),
      ...(index !== undefined && { index }),
      rows: node["Actual Rows"] * loops,
      ...(removed !== undefined && removed > 0 && { removed: removed * loops }),
      pages: pagesOf(node),
    },
    ...(node.Plans ?? []).flatMap(flatten),
  ];
}

function shorten(query: string): string {
  const text = query.replaceAll(/\s+/g, " ").trim();
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}

/**
 * The plans of everything that runs inside the functions, as the server itself reports them (auto_explain).
 *
 * @module
 */

import { z } from "zod";
import { attempt } from "./attempt.ts";
import type { Pages, Plan, PlanNode } from "./schema.ts";
import { isMeasured, Session } from "./session.ts";
import { STATEMENTS } from "./statements.ts";
import type { Subject } from "./subject.ts";

/** Tables that grow with use. A sequential scan of another costs the same for ever. */
export const GROWING = [
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

/** Plans of one attempt of each statement, on a new connection and on one that has run it before. */
export async function collectPlans(
  subject: Subject,
  url: string,
): Promise<{ plans: Plan[]; pages: Pages[] }> {
  const plans: Plan[] = [];
  const pages: Pages[] = [];
  for (const statement of STATEMENTS) {
    const session = await Session.connect(url);
    const own = { ...subject, session };
    const collect = async (connection: Plan["connection"], round: number) => {
      const texts = await session.withPlans(() => attempt(statement, own, round));
      const explained = texts.map((text) => explainSchema.parse(JSON.parse(text)));
      const of = { statement: statement.name, sessions: subject.sessions };
      plans.push(...condense(explained, { ...of, connection }));
      if (connection === "kept") pages.push({ ...of, pages: pagesOf(explained) });
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

/** A statement's figures have those of what its functions run in them. */
function pagesOf(explained: Explained[]): number {
  return explained.filter((one) => isMeasured(one["Query Text"]))
    .reduce(
      (sum, { Plan: root }) => sum + root["Shared Hit Blocks"] + root["Shared Read Blocks"],
      0,
    );
}

/** The same query with the same nodes is kept once, with what all its runs read. */
function condense(
  explained: Explained[],
  of: Pick<Plan, "statement" | "sessions" | "connection">,
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
      hit: node.hit + other.hit,
      read: node.read + other.read,
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
      hit: node["Shared Hit Blocks"],
      read: node["Shared Read Blocks"],
    },
    ...(node.Plans ?? []).flatMap(flatten),
  ];
}

function shorten(query: string): string {
  const text = query.replaceAll(/\s+/g, " ").trim();
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}

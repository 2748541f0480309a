import * as z from "zod";
import { healthQuery, type healthReport } from "../_acontext_sessions/contract/health.ts";
import {
  healthMetrics,
  METRICS_TYPE,
  statusMetrics,
} from "../_acontext_sessions/contract/metrics.ts";
import { assess, type HealthStatus } from "../_acontext_sessions/core/health/assess.ts";
import type { HealthFacts } from "../_acontext_sessions/core/health/facts.ts";
import type { Outcome } from "../_acontext_sessions/core/ports.ts";
import type { Answer } from "../_acontext_sessions/http/answer.ts";
import type { Operator } from "../_acontext_sessions/http/auth.ts";
import type { Routes } from "../_acontext_sessions/http/serve.ts";

/**
 * Anyone may ask, so requests without a secret key cost the database at most one call in this time, answered or not.
 */
const PUBLIC_MAX_AGE_MS = 10_000;

/** What the routes call. */
export interface Actions {
  read(): Promise<HealthFacts>;
  /** Asks Acontext whether it answers us. */
  probe(): Promise<Outcome<null>>;
  namespace(): string;
  /** Milliseconds, monotonic. */
  now(): number;
}

export function routes({ read, probe, namespace, now }: Actions): Routes<Operator | null> {
  let asked: { status: Promise<HealthStatus>; at: number } | undefined;

  function publicStatus(): Promise<HealthStatus> {
    if (asked === undefined || now() - asked.at >= PUBLIC_MAX_AGE_MS) {
      asked = { status: read().then((facts) => assess(facts).status), at: now() };
    }
    return asked.status;
  }

  return {
    async "GET /"({ caller, query, header }): Promise<Answer> {
      const { format, probe: probed } = query(healthQuery);
      const metrics = (format ?? preferred(header("accept", z.string()))) === "prometheus";
      if (caller === null) {
        const status = await publicStatus();
        return metrics ? asMetrics(statusMetrics(status)) : { status: 200, body: { status } };
      }
      const facts = await read();
      const assessment = assess(facts);
      if (metrics) return asMetrics(healthMetrics(assessment, facts));
      const body: z.output<typeof healthReport> = {
        ...assessment,
        namespace: namespace(),
        ...(probed === "acontext" ? { acontext: describe(await probe()) } : {}),
        ...facts,
      };
      return { status: 200, body };
    },
  };
}

function asMetrics(text: string): Answer {
  return { status: 200, text, headers: { "content-type": METRICS_TYPE } };
}

/** As Prometheus asks for its format; a browser asks for HTML and gets JSON. */
function preferred(accept: string | null): "json" | "prometheus" {
  return /(^|,)\s*(text\/plain|application\/openmetrics-text)\s*(;|,|$)/i.test(accept ?? "")
    ? "prometheus"
    : "json";
}

function describe(outcome: Outcome<null>): { reachable: boolean; problem: string | null } {
  switch (outcome.kind) {
    case "done":
    case "throttled":
      return { reachable: true, problem: null };
    case "absent":
      return { reachable: false, problem: "http_404" };
    default:
      return { reachable: false, problem: outcome.detail };
  }
}

import { assess, type Assessment, type HealthStatus } from "../_shared/core/health.ts";
import type { HealthFacts } from "../_shared/core/health_facts.ts";
import type { Outcome } from "../_shared/core/ports.ts";
import { AppError } from "../_shared/errors.ts";
import { healthMetrics, METRICS_TYPE, statusMetrics } from "../_shared/health_metrics.ts";
import type { Answer } from "../_shared/http/answer.ts";
import type { Operator } from "../_shared/http/auth.ts";
import type { Call, Routes } from "../_shared/http/serve.ts";

/** Anybody may ask, so anybody's questions cost the database at most one call in this time. */
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

/** What a secret key gets to see. */
interface HealthAnswer extends Assessment, HealthFacts {
  namespace: string;
  /** With `?probe=acontext`. */
  acontext?: { reachable: boolean; problem: string | null };
}

export function routes({ read, probe, namespace, now }: Actions): Routes<Operator | null> {
  let known: { status: HealthStatus; at: number } | undefined;

  async function publicStatus(): Promise<HealthStatus> {
    if (known === undefined || now() - known.at >= PUBLIC_MAX_AGE_MS) {
      known = { status: assess(await read()).status, at: now() };
    }
    return known.status;
  }

  return {
    async "GET /"({ caller, query, header }): Promise<Answer> {
      const metrics = wantsMetrics({ query, header });
      if (caller === null) {
        const status = await publicStatus();
        return metrics
          ? { status: 200, text: statusMetrics(status), contentType: METRICS_TYPE }
          : { status: 200, body: { status } };
      }
      const probing = wantsProbe(query);
      const facts = await read();
      const assessment = assess(facts);
      if (metrics) {
        const text = healthMetrics(assessment, facts);
        return { status: 200, text, contentType: METRICS_TYPE };
      }
      const body: HealthAnswer = {
        ...assessment,
        namespace: namespace(),
        ...(probing ? { acontext: describe(await probe()) } : {}),
        ...facts,
      };
      return { status: 200, body };
    },
  };
}

/** `?format=` decides; without it, `Accept`, as Prometheus sends it. */
function wantsMetrics({ query, header }: Pick<Call<null>, "query" | "header">): boolean {
  const format = query.get("format");
  if (format !== null && format !== "json" && format !== "prometheus") {
    throw refused("format", 'must be "json" or "prometheus"');
  }
  if (format !== null) return format === "prometheus";
  return /(^|,)\s*(text\/plain|application\/openmetrics-text)\s*(;|,|$)/i.test(
    header("accept") ?? "",
  );
}

function wantsProbe(query: URLSearchParams): boolean {
  const probe = query.get("probe");
  if (probe !== null && probe !== "acontext") throw refused("probe", 'must be "acontext"');
  return probe !== null;
}

function refused(path: string, message: string): AppError {
  return new AppError("invalid_request", { details: [{ path, message }] });
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

/**
 * What `session-health` takes and answers.
 *
 * @module
 */
import * as z from "zod";
import { healthFactsSchema } from "../core/health/facts.ts";

export const healthQuery = z.strictObject({
  /** Without it `Accept` decides. */
  format: z.enum(["json", "prometheus"], { error: 'must be "json" or "prometheus"' }).optional(),
  /** Asks Acontext too; with a secret key only. */
  probe: z.literal("acontext", { error: 'must be "acontext"' }).optional(),
});

const status = z.enum(["ok", "degraded", "failing"]);

/** For anyone. */
export const healthStatus = z.strictObject({ status });

/** For the holder of a secret key. */
export const healthReport = healthFactsSchema.extend({
  status,
  reasons: z.array(z.object({
    code: z.string(),
    severity: z.enum(["degraded", "failing"]),
    message: z.string(),
    remedy: z.string(),
  })),
  namespace: z.string(),
  acontext: z.object({ reachable: z.boolean(), problem: z.string().nullable() }).optional(),
});

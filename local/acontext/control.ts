/**
 * The stand-in's control interface: what a test may see and do behind the back of the API.
 *
 * In the same process it is {@link Control}; over HTTP {@link createControlClient} offers the same, awaited.
 *
 * @module
 */

import { z } from "zod";
import { type FaultRule, faultRuleSchema } from "./fault_rules.ts";
import { type Version, VERSIONS } from "./options.ts";

const auditSchema = z.object({
  sessions: z.array(z.object({
    id: z.string(),
    /** From the `acontext_sessions` mark in the configs; null without one. */
    namespace: z.string().nullable(),
    sessionId: z.string().nullable(),
    messages: z.int(),
  })),
  disks: z.array(z.object({
    id: z.string(),
    label: z.string().nullable(),
    skill: z.boolean(),
    artifacts: z.int(),
  })),
  /** Identifiers. */
  users: z.array(z.string()),
  /** Stored files. */
  objects: z.int(),
  /** Deletions that began while another deletion of the same id was under way. */
  overlappingDeletes: z.int(),
  /** Requests per route, refused and faulty ones included. */
  calls: z.record(z.string(), z.int()),
});

const contentSchema = z.object({
  /** Keys in the object storage. */
  objects: z.array(z.string()),
  /** Of these, what no live message or file uses. */
  leaks: z.array(z.string()),
  /** Keys that a live message or file uses and that are not there, with the session or disk that it is of. */
  losses: z.array(z.object({ key: z.string(), of: z.string() })),
});

export type Content = z.infer<typeof contentSchema>;
export type Audit = z.infer<typeof auditSchema>;

export const ageSchema = z.object({ seconds: z.number() });
export const storageSchema = z.object({
  down: z.boolean().optional(),
  latencyMs: z.number().min(0).optional(),
});
export const messageIdSchema = z.object({ id: z.string() });
export const versionSchema = z.object({ version: z.enum(VERSIONS) });
export const skillInputSchema = z.object({
  name: z.string().default("skill"),
  user: z.string().optional(),
});
const skillSchema = z.object({ skillId: z.string(), diskId: z.string() });
export const connectionsSchema = z.object({ count: z.int().min(1) });
export const projectInputSchema = z.object({ apiKey: z.string().min(1) });
/** Sessions as this project makes them: the remote session has the session's id, the disk an id of its own. */
export const markedInputSchema = z.object({
  namespace: z.string(),
  sessions: z.array(z.object({ id: z.uuid(), diskId: z.uuid() })),
});
const projectSchema = z.object({ projectId: z.string() });
const activeRulesSchema = z.array(faultRuleSchema.extend({ fired: z.int() }));

export type SkillInput = z.input<typeof skillInputSchema>;
export type MarkedInput = z.infer<typeof markedInputSchema>;
export type Skill = z.infer<typeof skillSchema>;

export interface Control {
  audit(): Audit;
  /** Replaces the fault plan. */
  setFaults(rules: readonly FaultRule[]): void;
  faults(): (FaultRule & { fired: number })[];
  clearFaults(): void;
  /** Forgets all resources, counts and faults; projects, keys and the version stay. */
  reset(): void;
  /** Makes every resource there is look this much older. */
  age(seconds: number): void;
  setVersion(version: Version): void;
  /** What is in the object storage, who uses it, and what is missing. */
  content(): Content;
  /** How the object storage fares from now on. */
  setStorage(storage: z.infer<typeof storageSchema>): void;
  /** How many connections the server has to its database from now on. */
  setConnections(count: number): void;
  /** Removes the object that holds what a message says, behind everybody's back. */
  loseMessage(id: string): void;
  /** Empties the cache, which keeps the parts of a message for an hour, whatever became of the object. */
  forgetCache(): void;
  /** Makes an agent skill with a disk of its own. */
  createSkill(input?: SkillInput): Skill;
  /** Makes many sessions with their disks at once, marked as this project marks them. */
  createMarked(input: MarkedInput): void;
  /** Makes a second project with its own key, or finds it. */
  createProject(apiKey: string): string;
}

/** {@link Control} with every method awaited. */
export type ControlClient = {
  [Name in keyof Control]: (
    ...args: Parameters<Control[Name]>
  ) => Promise<ReturnType<Control[Name]>>;
};

/** @param controlUrl such as `http://127.0.0.1:54323/_control`. */
export function createControlClient(controlUrl: string): ControlClient {
  async function call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${controlUrl}${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Cannot ${method} "${path}": ${response.status} ${text}`);
    return JSON.parse(text);
  }
  return {
    audit: async () => auditSchema.parse(await call("GET", "/audit")),
    setFaults: async (rules) => void await call("PUT", "/faults", rules),
    faults: async () => activeRulesSchema.parse(await call("GET", "/faults")),
    clearFaults: async () => void await call("DELETE", "/faults"),
    reset: async () => void await call("POST", "/reset"),
    age: async (seconds) => void await call("POST", "/age", { seconds }),
    setVersion: async (version) => void await call("PUT", "/version", { version }),
    content: async () => contentSchema.parse(await call("GET", "/content")),
    setStorage: async (storage) => void await call("PUT", "/storage", storage),
    setConnections: async (count) => void await call("PUT", "/connections", { count }),
    loseMessage: async (id) => void await call("POST", "/lose-message", { id }),
    forgetCache: async () => void await call("POST", "/forget-cache"),
    createSkill: async (input = {}) => skillSchema.parse(await call("POST", "/skills", input)),
    createMarked: async (input) => void await call("POST", "/sessions", input),
    createProject: async (apiKey) =>
      projectSchema.parse(await call("POST", "/projects", { apiKey })).projectId,
  };
}

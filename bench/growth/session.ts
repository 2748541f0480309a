/**
 * A superuser's connection that learns from the server how long each of its statements took.
 *
 * The server's own figure (`log_min_duration_statement`, sent to the client) includes planning and everything that a
 * function runs, but neither the network nor the driver.
 *
 * @module
 */

import postgres from "postgres";

export type Parameter = string | number | boolean | null;

const MARK = "/* measured";

/** Whether a statement in the server's report was run by {@link Session.measure}. */
export function isMeasured(text: string): boolean {
  return text.startsWith(MARK);
}

/** Of a statement that begins with the mark that {@link Session.measure} gives it. */
const DURATION = /^duration: ([\d.]+) ms {2}\w+[^:]*: \/\* measured (\w+) \*\//;
const PLAN = /^duration: ([\d.]+) ms {2}plan:\n/;

export class Session {
  #ms = new Map<string, number>();
  #plans: string[] | null = null;

  private constructor(readonly sql: postgres.Sql) {}

  static async connect(url: string): Promise<Session> {
    const sql: postgres.Sql = postgres(url, {
      max: 1,
      max_lifetime: null,
      onnotice: ({ message }) => session.#hear(message ?? ""),
    });
    const session = new Session(sql);
    await session.run("set client_min_messages = log");
    return session;
  }

  #hear(message: string): void {
    const [, ms, label] = DURATION.exec(message) ?? [];
    if (ms !== undefined && label !== undefined) {
      this.#ms.set(label, (this.#ms.get(label) ?? 0) + Number(ms));
    } else if (this.#plans !== null && PLAN.test(message)) {
      this.#plans.push(message.replace(PLAN, ""));
    }
  }

  async run<Row extends object>(text: string, parameters: Parameter[] = []): Promise<Row[]> {
    return await this.sql.unsafe<Row[]>(text, parameters, { prepare: parameters.length > 0 });
  }

  /** As {@link run}; {@link takeMs} has its time under `label`. Prepared, as PostgREST prepares. */
  async measure<Row extends object>(
    label: string,
    text: string,
    parameters: Parameter[],
  ): Promise<Row[]> {
    const marked = `${MARK} ${label} */ ${text}`;
    return await this.sql.unsafe<Row[]>(marked, parameters, { prepare: true });
  }

  /** From here on the server reports the time of each statement. */
  async listen(): Promise<void> {
    await this.run("set log_min_duration_statement = 0");
  }

  /** Milliseconds of what was measured since the last call, by label. */
  async takeMs(): Promise<Map<string, number>> {
    // The server reports them after its answer, but before the next answer.
    await this.run("select");
    const ms = this.#ms;
    this.#ms = new Map();
    return ms;
  }

  /** The plans, as JSON, of all that the server runs while `use` runs, nested statements included. */
  async withPlans(use: () => Promise<void>): Promise<string[]> {
    await this.run("load 'auto_explain'");
    for (
      const [name, value] of Object.entries({
        log_min_duration: 0,
        log_analyze: "on",
        log_buffers: "on",
        log_timing: "off",
        log_format: "json",
        log_nested_statements: "on",
      })
    ) await this.run(`set auto_explain.${name} = ${value}`);
    const plans: string[] = this.#plans = [];
    try {
      await use();
    } finally {
      await this.run("set auto_explain.log_min_duration = -1");
      this.#plans = null;
    }
    return plans;
  }

  async close(): Promise<void> {
    await this.sql.end({ timeout: 5 });
  }
}

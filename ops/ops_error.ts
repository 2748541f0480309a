/** A command that could not be carried out: one line for the operator, exit code 3. */
export class OpsError extends Error {
  override readonly name = "OpsError";
  /** What the project answered with; null when it did not answer. */
  readonly status: number | null;
  readonly code: string | null;

  constructor(message: string, { status = null, code = null }: {
    status?: number | null;
    code?: string | null;
  } = {}) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

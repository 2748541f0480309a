/**
 * Whether this machine has Debian's PostgreSQL 15 with the real extensions that some suites need.
 *
 * @module
 */

const NEEDED: Record<string, string> = {
  "/usr/lib/postgresql/15/bin/postgres": "postgresql-15",
  "/usr/share/postgresql/15/extension/pg_cron.control": "postgresql-15-cron",
  "/usr/share/postgresql/15/extension/pgtap.control": "postgresql-15-pgtap",
  "/usr/share/postgresql/15/extension/plpgsql_check.control": "postgresql-15-plpgsql-check",
  "/usr/bin/pg_prove": "libtap-parser-sourcehandler-pgtap-perl",
};

/** Null when all is there, else what to install, in words. */
export async function debianProblem(): Promise<string | null> {
  const missing: string[] = [];
  for (const [path, debianPackage] of Object.entries(NEEDED)) {
    await Deno.stat(path).catch(() => missing.push(debianPackage));
  }
  if (missing.length > 0) return `needs Debian's packages ${missing.join(", ")}`;
  return null;
}

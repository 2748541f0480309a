/**
 * A small project of its own for the tests of the stack, and a stack that runs it.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import postgres from "postgres";
import { type Stack, type StackOptions, startStack } from "../../local/stack.ts";

const CONFIG = `
project_id = "stack-tests"
[auth]
enable_anonymous_sign_ins = true
minimum_password_length = 8
[functions.private]
verify_jwt = true
[functions.open]
verify_jwt = false
`;

const MIGRATION = `
create extension if not exists pg_net with schema extensions;
create extension if not exists pg_cron with schema pg_catalog;
create extension if not exists supabase_vault with schema vault;
create table public.notes (
  id bigint generated always as identity primary key,
  user_id uuid default auth.uid() references auth.users (id) on delete set null,
  body text not null
);
alter table public.notes enable row level security;
create policy "Owners see their notes" on public.notes for select to authenticated
  using ((select auth.uid()) = user_id);
create policy "Owners write their notes" on public.notes for insert to authenticated
  with check ((select auth.uid()) = user_id);
grant select, insert on public.notes to authenticated;
grant select on public.notes to service_role;
`;

const PRIVATE_FUNCTION = `
export default { fetch: (request) => Response.json({ path: new URL(request.url).pathname }) };
`;

const OPEN_FUNCTION = `
addEventListener("beforeunload", (event) => console.log("beforeunload", event.detail.reason));
export default {
  async fetch(request) {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/open/html":
        return new Response("<p>", { headers: { "content-type": "text/html; charset=utf-8" } });
      case "/open/environment":
        return Response.json(Deno.env.toObject());
      case "/open/read":
        return Response.json(await Deno.readTextFile("/etc/hostname").then(() => "read", (e) => e.name));
      case "/open/reach":
        return Response.json(
          await fetch(url.searchParams.get("url")).then((r) => r.status, (e) => e.name),
        );
      case "/open/crash":
        Deno.exit(3);
      case "/open/throw":
        throw new Error("thrown");
      case "/open/echo":
        return new Response(request.body, { headers: { "content-type": "application/octet-stream" } });
      case "/open/background":
        EdgeRuntime.waitUntil(
          new Promise((resolve) => setTimeout(resolve, 700)).then(() => console.log("background done")),
        );
        return new Response(null, { status: 202 });
      default:
        return Response.json({ pid: Deno.pid, path: url.pathname, search: url.search });
    }
  },
};
`;

/** Writes the project into a new temporary folder. */
export async function createProject(): Promise<string> {
  const projectDir = await Deno.makeTempDir({ prefix: "stack-project-" });
  const files: Record<string, string> = {
    "config.toml": CONFIG,
    "migrations/20260101000000_create_notes.sql": MIGRATION,
    "functions/private/index.ts": PRIVATE_FUNCTION,
    "functions/private/deno.json": "{}",
    "functions/open/index.ts": OPEN_FUNCTION,
    "functions/open/deno.json": "{}",
    "functions/_own/index.ts": "throw new Error('not a function')",
  };
  for (const [name, text] of Object.entries(files)) {
    const path = join(projectDir, "supabase", name);
    await Deno.mkdir(join(path, ".."), { recursive: true });
    await Deno.writeTextFile(path, text);
  }
  return projectDir;
}

/** A test around a running stack, whose timers and connections outlive the test. */
export function stackTest(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, fn, sanitizeOps: false, sanitizeResources: false });
}

/** What the tests of one file share. */
export interface Shared {
  projectDir: string;
  dataDir: string;
  stack: Stack;
  /** Role `postgres`. */
  sql: postgres.Sql;
  /** The superuser. */
  admin: postgres.Sql;
}

/** Starts one stack for all tests of the calling file. */
export function shareStack(options: Partial<StackOptions> = {}): Shared {
  // Filled by `beforeAll`, before any test reads it.
  const shared = {} as Shared;

  Deno.test.beforeAll(async () => {
    shared.projectDir = await createProject();
    shared.dataDir = await Deno.makeTempDir({ prefix: "stack-data-" });
    shared.stack = await startStack({
      projectDir: shared.projectDir,
      dataDir: shared.dataDir,
      ports: "free",
      ...options,
    });
    shared.sql = postgres(shared.stack.databaseUrl, {
      max: 4,
      fetch_types: false,
      onnotice: () => {},
    });
    shared.admin = postgres(shared.stack.adminDatabaseUrl, {
      max: 2,
      fetch_types: false,
      onnotice: () => {},
    });
  });

  Deno.test.afterAll(async () => {
    await shared.sql?.end({ timeout: 1 });
    await shared.admin?.end({ timeout: 1 });
    await shared.stack?.stop();
    await Deno.remove(shared.dataDir, { recursive: true });
    await Deno.remove(shared.projectDir, { recursive: true });
  });

  return shared;
}

/** create-session against the naive way to do it. @module */

import postgres from "postgres";
import type { World } from "../../tests/integration/support/world.ts";
import type { TestUser } from "../../tests/integration/support/users.ts";
import type { Plan } from "./plan.ts";
import { createThrough } from "./requests.ts";
import type { LatencyResult } from "./result.ts";
import { inTurns, type Meter } from "./rounds.ts";

/** A table as a first version has it, with the same check of the owner as ours. */
const NAIVE_TABLE = `
  create table public.naive_sessions (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
    acontext_session_id text not null,
    acontext_disk_id text not null,
    created_at timestamptz not null default now()
  );
  create index on public.naive_sessions (user_id);
  alter table public.naive_sessions enable row level security;
  create policy "users insert their own" on public.naive_sessions
    for insert to authenticated with check ((select auth.uid()) = user_id);
  create policy "users see their own" on public.naive_sessions
    for select to authenticated using ((select auth.uid()) = user_id);
  grant select, insert on public.naive_sessions to authenticated;
  notify pgrst, 'reload schema';`;

export async function makeNaiveTable(adminDatabaseUrl: string): Promise<void> {
  const sql = postgres(adminDatabaseUrl, { max: 1, onnotice: () => {} });
  await sql.unsafe(NAIVE_TABLE);
  await sql.end({ timeout: 1 });
}

export async function measureCreates(
  { info, remote }: World,
  { plan, meter, users, naiveUrl, log }: {
    plan: Plan;
    meter: Meter;
    users: TestUser[];
    naiveUrl: string;
    log: (line: string) => void;
  },
): Promise<LatencyResult["creates"]> {
  const results: LatencyResult["creates"] = [];
  for (const setting of plan.creates) {
    const { delayMs, clients, everyMs } = setting;
    log(`create: ${clients} clients, Acontext takes ${delayMs} ms`);
    await remote.control.setFaults([{ route: "*", fault: { kind: "delay", ms: delayMs } }]);
    const job = (url: string) => ({
      clients: users.slice(0, clients).map(({ token }) => createThrough(url, token)),
      requests: plan.requestsOf(setting),
      expected: 201,
      everyMs,
    });
    const way = await inTurns(meter, {
      naive: job(naiveUrl),
      ours: job(`${info.apiUrl}/functions/v1/create-session`),
    });
    results.push({ ...setting, naive: way("naive"), ours: way("ours") });
  }
  await remote.control.clearFaults();
  return results;
}

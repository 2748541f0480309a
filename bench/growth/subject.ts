/** A database of one size, open, and what statements are tried on in it. @module */

import { callText, type Functions, readFunctions } from "./data_api.ts";
import { Session } from "./session.ts";

interface Target {
  id: string;
  userId: string;
}

/** A place in a long list. */
interface Place {
  userId: string;
  time: string;
  id: string;
}

export interface Subject {
  url: string;
  sessions: number;
  session: Session;
  functions: Functions;
  /** Active sessions of ordinary users, anywhere in the table. */
  targets: Target[];
  /** Where the last full page of the longest list begins. */
  deep: Place;
}

/** Enough that pages of the table are rarely met twice. */
const TARGETS = 4_000;

export async function openSubject(
  { url, sessions, pageLength }: { url: string; sessions: number; pageLength: number },
): Promise<Subject> {
  const session = await Session.connect(url);
  const functions = await readFunctions(session);
  const [heavy] = await session.run<{ user_id: string }>(`
    select user_id from public.session_mappings where status = 'active'
    group by user_id order by count(*) desc limit 1`);
  if (heavy === undefined) throw new Error("Cannot measure: the database is empty");
  const targets = await session.run<Target>(
    `select id, user_id as "userId" from public.session_mappings
     where status = 'active' and not pinned and ttl is null and user_id <> $1
       and last_activity_at between now() - interval '20 days' and now() - interval '2 hours'
     order by md5(id::text) limit $2`,
    [heavy.user_id, TARGETS],
  );
  const [deep] = await session.run<Place>(
    `select user_id as "userId", to_json(last_activity_at) #>> '{}' as time, id
     from public.session_mappings where status = 'active' and user_id = $1 and not pinned
     order by last_activity_at, id offset $2 limit 1`,
    [heavy.user_id, pageLength + 1],
  );
  if (deep === undefined) throw new Error("Cannot measure: no user has a long list");
  return { url, sessions, session, functions, targets, deep };
}

/** Calls a public function as PostgREST does, measured or not. */
export async function call(
  { session, functions }: Pick<Subject, "session" | "functions">,
  name: string,
  args: Record<string, unknown>,
  { measured }: { measured: boolean },
): Promise<unknown> {
  const text = callText(functions, name, Object.keys(args));
  const parameters = [JSON.stringify(args), 1000, 0];
  const [row] = measured
    ? await session.measure<{ body: unknown }>(name, text, parameters)
    : await session.run<{ body: unknown }>(text, parameters);
  return row?.body;
}

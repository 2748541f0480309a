/** What the client asks of PostgREST: docs/deploying.md lists it, with the versions in which it is the same. */
import { assertEquals } from "@std/assert/mod.js";
import { createClient } from "@supabase/supabase-js";
import { createSessionsClient } from "acontext-sessions-client";

const ID = "11111111-2222-4333-8444-555555555555";
const COLUMNS = /^[a-z_]+(,[a-z_]+)*$/;
/** By parameter; what is no name of a parameter is a column. */
const VALUES: Record<string, RegExp> = {
  select: COLUMNS,
  order: /^[a-z_]+\.desc(,[a-z_]+\.desc)*$/,
  limit: /^\d+$/,
  or: /^\((?:[a-z_]+\.(?:is|lt|eq)\.(?:"[^"]*"|[\w-]+)|and\([^()]*\)|,)+\)$/,
};
const COLUMN_VALUE = /^(eq|lte|is|imatch)\./;
const ROW = {
  id: ID,
  status: "active",
  title: null,
  metadata: {},
  pinned: true,
  ttl: null,
  message_count: 0,
  acontext_session_id: null,
  acontext_disk_id: null,
  created_at: "2026-01-01T00:00:00+00:00",
  updated_at: "2026-01-01T00:00:00+00:00",
  last_activity_at: "2026-01-01T00:00:00+00:00",
  expires_at: null,
};

/** The requests that `use` sends; lists are answered with two rows of which the first is `pinned`. */
async function sent(
  pinned: boolean,
  use: (sessions: ReturnType<typeof createSessionsClient>["sessions"]) => Promise<unknown>,
): Promise<Request[]> {
  const requests: Request[] = [];
  const supabase = createClient("https://abc.supabase.co", "sb_publishable_x", {
    auth: { persistSession: false, autoRefreshToken: false },
    global: {
      fetch: (input, init) => {
        const request = new Request(input, init);
        requests.push(request);
        const row = { ...ROW, pinned };
        const one = request.headers.get("accept") === "application/vnd.pgrst.object+json" ||
          new URL(request.url).searchParams.has("id");
        return Promise.resolve(Response.json(one ? [row] : [row, row]));
      },
    },
  });
  await use(createSessionsClient(supabase, { retries: 0 }).sessions);
  return requests;
}

Deno.test("the client asks of PostgREST only what is the same in all its versions", async () => {
  const requests = [true, false].map((pinned) =>
    sent(pinned, async (sessions) => {
      const { nextCursor } = await sessions.list({ limit: 1 });
      await sessions.list({ limit: 1, cursor: nextCursor, search: 'a.b*"(,)' });
      await sessions.get(ID);
      await sessions.rename(ID, "Trip");
      await sessions.pin(ID);
      await sessions.setMetadata(ID, { a: 1 });
      await sessions.setTtl(ID, 60);
    })
  );
  const all = (await Promise.all(requests)).flat();
  assertEquals(all.length, 14);
  for (const request of all) {
    const { pathname, searchParams } = new URL(request.url);
    assertEquals(pathname, "/rest/v1/session_mappings");
    assertEquals(["GET", "PATCH"].includes(request.method), true, request.method);
    for (const [name, value] of searchParams) {
      assertEquals((VALUES[name] ?? COLUMN_VALUE).test(value), true, `${name}=${value}`);
    }
    const accept = request.headers.get("accept");
    assertEquals([null, "*/*", "application/json"].includes(accept), true, `${accept}`);
    const prefer = request.method === "PATCH" ? "return=representation" : null;
    assertEquals(request.headers.get("prefer"), prefer);
  }
});

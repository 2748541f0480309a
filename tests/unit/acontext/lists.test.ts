import { assertEquals } from "@std/assert/mod.js";
import { createResources } from "../../../supabase/functions/_acontext_sessions/acontext/resources.ts";

const ID = "11111111-2222-4333-8444-555555555555";
const MARK = { acontext_sessions: { namespace: "ns", session_id: ID } };
const OWNER = "aaaaaaaa-2222-4333-8444-555555555555";

function uuid(n: number): string {
  return `bbbbbbbb-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

interface Page {
  items: unknown[];
  next_cursor?: string;
  has_more: boolean;
}

/** Answers the n-th request with the n-th page; beyond the last it answers 500. */
function listing(pages: Page[] | ((index: number) => Page)) {
  const urls: URL[] = [];
  const acontext = createResources({
    apiKey: "k",
    baseUrl: "http://acontext.test/api/v1",
    timeoutMs: 1000,
    namespace: "ns",
    fetch(url) {
      const index = urls.push(new URL(url)) - 1;
      const data = typeof pages === "function" ? pages(index) : pages[index];
      return Promise.resolve(
        data === undefined
          ? Response.json({ code: 500, msg: "" }, { status: 500 })
          : Response.json({ code: 0, msg: "", data }),
      );
    },
  });
  return { acontext, urls };
}

Deno.test("findSessions() asks by mark and finds the session that carries it", async () => {
  const { acontext, urls } = listing([
    { items: [{ id: uuid(1), configs: { ...MARK, more: 1 } }], has_more: false },
  ]);
  assertEquals(await acontext.findSessions(ID), { kind: "done", value: { ids: [uuid(1)] } });
  assertEquals(urls[0]?.pathname, "/api/v1/session");
  assertEquals(JSON.parse(urls[0]?.searchParams.get("filter_by_configs") ?? ""), MARK);
  assertEquals(urls[0]?.searchParams.get("limit"), "200");
});

Deno.test("findSessions() leaves out the copies of a session that has the id we gave it", async () => {
  const copy = { id: uuid(1), configs: MARK };
  const own = { id: ID, configs: MARK };
  const { acontext } = listing([{ items: [copy, own], has_more: false }]);
  assertEquals(await acontext.findSessions(ID), { kind: "done", value: { ids: [ID] } });
  // Once it is gone, what is left is nobody's.
  const left = listing([{ items: [copy], has_more: false }]);
  assertEquals(await left.acontext.findSessions(ID), { kind: "done", value: { ids: [uuid(1)] } });
});

Deno.test("findSessions() reads an empty list as none", async () => {
  const { acontext } = listing([{ items: [], has_more: false }]);
  assertEquals(await acontext.findSessions(ID), { kind: "done", value: { ids: [] } });
});

Deno.test("findSessions() looks through all pages of a server that ignores the filter", async () => {
  const { acontext, urls } = listing([
    {
      items: [{ id: uuid(1) }, { id: uuid(2), configs: null }],
      has_more: true,
      next_cursor: "a",
    },
    {
      items: [{ id: uuid(3), configs: { acontext_sessions: { namespace: "x", session_id: ID } } }],
      has_more: true,
      next_cursor: "b",
    },
    { items: [{ id: uuid(4), configs: MARK }], has_more: false },
  ]);
  assertEquals(await acontext.findSessions(ID), { kind: "done", value: { ids: [uuid(4)] } });
  assertEquals(urls.map((url) => url.searchParams.get("cursor")), [null, "a", "b"]);
  assertEquals(urls.every((url) => url.searchParams.has("filter_by_configs")), true);
});

Deno.test("findDisks() asks by label, finds every disk, and asks whether labels count", async () => {
  const page = { items: [{ id: uuid(1), user_id: OWNER }], has_more: true, next_cursor: "a" };
  const rest = { items: [{ id: uuid(2), user_id: OWNER }], has_more: false };
  const none = { items: [], has_more: false };
  const { acontext, urls } = listing([page, rest, none]);
  assertEquals(await acontext.findDisks(ID), {
    kind: "done",
    value: { filtered: true, ids: [uuid(1), uuid(2)] },
  });
  assertEquals(
    urls.map((url) => url.searchParams.get("user")),
    [ID, ID, "00000000-0000-0000-0000-000000000000"].map((id) => `ns:${id}`),
  );
});

Deno.test("findDisks() reads an empty list as none", async () => {
  const { acontext } = listing([{ items: [], has_more: false }]);
  assertEquals(await acontext.findDisks(ID), { kind: "done", value: { filtered: true, ids: [] } });
});

Deno.test("findDisks() says so, and lists all, when the server ignores labels", async () => {
  const owners = [[undefined, undefined], [null, OWNER], [OWNER, uuid(9)], [OWNER, OWNER]];
  for (const [first, second] of owners) {
    const all = [{ id: uuid(1), user_id: first }, { id: uuid(2), user_id: second }];
    const { acontext } = listing([
      { items: all.slice(0, 1), has_more: true, next_cursor: "a" },
      { items: all.slice(1), has_more: false },
      { items: all.slice(0, 1), has_more: true, next_cursor: "b" },
    ]);
    assertEquals(await acontext.findDisks(ID), {
      kind: "done",
      value: { filtered: false, ids: [uuid(1), uuid(2)] },
    });
  }
});

Deno.test("findDisks() finds nothing out when the question about labels fails", async () => {
  const { acontext } = listing([{ items: [{ id: uuid(1), user_id: OWNER }], has_more: false }]);
  assertEquals(await acontext.findDisks(ID), { kind: "unknown", detail: "http_500" });
});

Deno.test("a list that breaks off is not a shorter list", async () => {
  const { acontext } = listing([{
    items: [{ id: uuid(1), configs: MARK }],
    has_more: true,
    next_cursor: "a",
  }]);
  const broken = { kind: "unknown", detail: "http_500" };
  assertEquals(await acontext.findSessions(ID), broken);
});

Deno.test("a list whose cursors go in circles ends", async () => {
  const turn = (index: number): Page => ({
    items: [],
    has_more: true,
    next_cursor: index % 2 === 0 ? "a" : "b",
  });
  const loop = { kind: "unavailable", detail: "cursor_loop" };
  for (const name of ["findSessions", "findDisks"] as const) {
    const { acontext, urls } = listing(turn);
    assertEquals(await acontext[name](ID), loop);
    assertEquals(urls.length, 3);
  }
});

Deno.test("a list without end is given up, not taken for complete", async () => {
  const { acontext, urls } = listing((index) => ({
    items: [],
    has_more: true,
    next_cursor: String(index),
  }));
  assertEquals(await acontext.findDisks(ID), { kind: "unavailable", detail: "list_too_long" });
  assertEquals(urls.length, 500);
});

Deno.test("an item seen on two pages is found once", async () => {
  const { acontext } = listing([
    { items: [{ id: uuid(1), configs: MARK }], has_more: true, next_cursor: "a" },
    { items: [{ id: uuid(1), configs: MARK }], has_more: false },
  ]);
  assertEquals(await acontext.findSessions(ID), { kind: "done", value: { ids: [uuid(1)] } });
});

import { assertEquals } from "@std/assert/mod.js";
import { createCatalog } from "../../../supabase/functions/_acontext_sessions/acontext/catalog.ts";

const ID = "11111111-2222-4333-8444-555555555555";
const OTHER = "99999999-2222-4333-8444-555555555555";
const MADE = "2026-04-01T10:00:00.12345Z";
const UNSUPPORTED = { kind: "rejected", status: 404, detail: "unsupported" } as const;
const UNREAD = { kind: "unavailable", detail: "bad_shape" } as const;

/** A catalog over one answer, and the URLs that it asked for. */
function answering(answer: (url: URL, method: string) => Response) {
  const asked: URL[] = [];
  const catalog = createCatalog({
    apiKey: "k",
    baseUrl: "http://acontext.test/api/v1",
    timeoutMs: 1000,
    namespace: "ns",
    fetch(url, init) {
      const parsed = new URL(url);
      asked.push(parsed);
      return Promise.resolve(answer(parsed, init.method ?? "GET"));
    },
  });
  return { catalog, asked };
}

function listing(data: unknown) {
  return answering(() => Response.json({ code: 0, msg: "", data }));
}

function page(items: unknown[], next?: string) {
  return {
    items,
    has_more: next !== undefined,
    ...(next === undefined ? {} : { next_cursor: next }),
  };
}

const ODD_CONFIGS: unknown[] = [
  null,
  "ns",
  [],
  {},
  { acontext_sessions: null },
  { acontext_sessions: "ns" },
  { acontext_sessions: ["ns", ID] },
  { acontext_sessions: { namespace: "ns" } },
  { acontext_sessions: { session_id: ID } },
  { acontext_sessions: { namespace: "NS", session_id: ID } },
  { acontext_sessions: { namespace: ["ns"], session_id: ID } },
  { acontext_sessions: { namespace: "ns", session_id: [ID] } },
  { acontext_sessions: { namespace: "ns", session_id: ID.toUpperCase().replace("1", "A") } },
  { acontext_sessions: { namespace: "ns", session_id: "00000000-0000-0000-0000-000000000000" } },
  { acontext_sessions: { namespace: "ns", session_id: `${ID} ` } },
  { acontext_sessions: { namespace: "ns", session_id: "../disk" } },
];

Deno.test("sessionsPage() takes no session whose mark is not exactly ours", async () => {
  const items = [...ODD_CONFIGS, undefined].map((configs, index) => ({
    id: `bbbbbbbb-0000-4000-8000-${String(index).padStart(12, "0")}`,
    created_at: MADE,
    ...(configs === undefined ? {} : { configs }),
  }));
  const { catalog } = listing(page(items));
  assertEquals(await catalog.sessionsPage(null), {
    kind: "done",
    value: { items: [], skipped: 0, next: null },
  });
});

Deno.test("labelsPage() takes no label that is not exactly ours", async () => {
  const identifiers = [
    "",
    "ns",
    "ns:",
    ID,
    `NS:${ID}`,
    `ns2:${ID}`,
    `xns:${ID}`,
    `ns::${ID}`,
    `ns:${ID}x`,
    `ns:${ID}:x`,
    `ns: ${ID}`,
    `ns:${ID.toUpperCase().replace("1", "A")}`,
    "ns:00000000-0000-0000-0000-000000000000",
  ];
  const { catalog } = listing(
    page(identifiers.map((identifier) => ({ identifier, created_at: MADE }))),
  );
  assertEquals(await catalog.labelsPage(null), {
    kind: "done",
    value: { items: [], skipped: 0, next: null },
  });
});

Deno.test("pages keep what is ours, its time and the cursor, and are asked for in full", async () => {
  const mark = { acontext_sessions: { namespace: "ns", session_id: ID } };
  const items = [
    { id: OTHER.toUpperCase(), created_at: MADE, configs: mark },
    { id: ID, created_at: MADE, configs: null },
  ];
  const { catalog, asked } = listing(page(items, "next one"));
  assertEquals(await catalog.sessionsPage("this one"), {
    kind: "done",
    value: {
      items: [{ id: OTHER, originId: ID, createdAt: MADE }],
      skipped: 0,
      next: "next one",
    },
  });
  const [url] = asked;
  assertEquals(url?.pathname, "/api/v1/session");
  assertEquals(Object.fromEntries(url?.searchParams ?? []), {
    filter_by_configs: JSON.stringify({ acontext_sessions: { namespace: "ns" } }),
    limit: "200",
    cursor: "this one",
  });

  const labels = listing(page([{ identifier: `ns:${ID}`, created_at: MADE }], "more"));
  assertEquals(await labels.catalog.labelsPage(null), {
    kind: "done",
    value: { items: [{ originId: ID, createdAt: MADE }], skipped: 0, next: "more" },
  });
  // Without a limit the server lists everybody.
  assertEquals(Object.fromEntries(labels.asked[0]?.searchParams ?? []), { limit: "200" });
});

const BAD_PAGES: { name: string; data: unknown }[] = [
  { name: "without items", data: { has_more: false } },
  { name: "with items null", data: { items: null, has_more: false } },
  { name: "without has_more", data: { items: [] } },
  { name: "of null", data: null },
  { name: "that is a list", data: [] },
  { name: "that promises more without a cursor", data: { items: [], has_more: true } },
  { name: "with an empty cursor", data: { items: [], has_more: true, next_cursor: "" } },
];

for (const { name, data } of BAD_PAGES) {
  Deno.test(`a page ${name} is not an empty page`, async () => {
    const { catalog } = listing(data);
    assertEquals(await catalog.sessionsPage(null), UNREAD);
    assertEquals(await catalog.labelsPage(null), UNREAD);
    assertEquals(await catalog.disksOf(ID), UNREAD);
  });
}

const MARKED = { acontext_sessions: { namespace: "ns", session_id: ID } };
const READABLE = {
  id: OTHER,
  identifier: `ns:${OTHER}`,
  user_id: "a",
  created_at: MADE,
  configs: MARKED,
};

const UNREADABLE: { name: string; item: unknown; labelIs?: "read" }[] = [
  { name: "that is none", item: "x" },
  { name: "that is null", item: null },
  { name: "of a malformed id", item: { ...READABLE, id: "../disk" }, labelIs: "read" },
  {
    name: "whose id is nil",
    item: { ...READABLE, id: "00000000-0000-0000-0000-000000000000" },
    labelIs: "read",
  },
  { name: "whose id is a number", item: { ...READABLE, id: 1 }, labelIs: "read" },
  { name: "without a time", item: { ...READABLE, created_at: undefined } },
  { name: "of no known time", item: { ...READABLE, created_at: "yesterday" } },
  { name: "of the year 0", item: { ...READABLE, created_at: "0000-01-01T00:00:00Z" } },
  {
    name: "with an offset that PostgreSQL does not read",
    item: { ...READABLE, created_at: "2024-01-01T00:00:00+16:00" },
  },
  {
    name: "of a year with six digits",
    item: { ...READABLE, created_at: "294276-01-01T00:00:00Z" },
  },
  { name: "of no time", item: { ...READABLE, created_at: "infinity" } },
  {
    name: "of a time without end",
    item: { ...READABLE, created_at: `2026-01-01T00:00:00.${"1".repeat(300)}Z` },
  },
];

for (const { name, item, labelIs } of UNREADABLE) {
  Deno.test(`an item ${name} is passed over and counted, and the others are read`, async () => {
    const made = { createdAt: MADE };
    const { catalog } = listing(page([item, READABLE]));
    assertEquals(await catalog.sessionsPage(null), {
      kind: "done",
      value: { items: [{ id: OTHER, originId: ID, ...made }], skipped: 1, next: null },
    });
    const label = { originId: OTHER, ...made };
    assertEquals(await catalog.labelsPage(null), {
      kind: "done",
      value: labelIs === "read"
        ? { items: [label, label], skipped: 0, next: null }
        : { items: [label], skipped: 1, next: null },
    });
    const disks = answering(({ searchParams }) =>
      Response.json({
        code: 0,
        msg: "",
        data: page(searchParams.get("limit") === "1" ? [] : [item, READABLE]),
      })
    );
    assertEquals(await disks.catalog.disksOf(ID), {
      kind: "done",
      value: { items: [{ id: OTHER, originId: ID, ...made }], skipped: 1 },
    });
  });
}

Deno.test("an item that is surely somebody else's counts for nothing, however odd it is", async () => {
  const odd = { id: 7, created_at: "never" };
  const { catalog } = listing(page([
    { ...odd, configs: { theirs: true }, identifier: "x".repeat(1_000_000) },
    { ...odd, configs: null, identifier: `other:${ID}` },
  ]));
  const nothing = { kind: "done", value: { items: [], skipped: 0, next: null } } as const;
  assertEquals(await catalog.sessionsPage(null), nothing);
  assertEquals(await catalog.labelsPage(null), nothing);
});

Deno.test("a disk that cannot be read is listed under a label only where labels are honoured", async () => {
  const undated = page([{ id: ID, user_id: null }]);
  assertEquals(await listing(undated).catalog.disksOf(ID), UNSUPPORTED);
});

for (
  const { name, response, outcome } of [
    {
      name: "500",
      response: () => Response.json({ code: 500, msg: "x" }, { status: 500 }),
      outcome: { kind: "unknown", detail: "http_500" },
    },
    {
      name: "200 of another service",
      response: () => new Response("<html>", { headers: { "content-type": "text/html" } }),
      outcome: UNREAD,
    },
    {
      name: "200 with an error inside",
      response: () => Response.json({ code: 500, msg: "x" }),
      outcome: UNREAD,
    },
    {
      name: "401",
      response: () => Response.json({ code: 401, msg: "Unauthorized" }, { status: 401 }),
      outcome: { kind: "unavailable", detail: "http_401" },
    },
    {
      name: "403",
      response: () => Response.json({ code: 403, msg: "x" }, { status: 403 }),
      outcome: { kind: "unavailable", detail: "http_403" },
    },
    {
      name: "429",
      response: () => new Response(null, { status: 429, headers: { "retry-after": "3" } }),
      outcome: { kind: "throttled", retryAfterMs: 3000 },
    },
  ]
) {
  Deno.test(`an answer of ${name} is not an empty list`, async () => {
    const { catalog } = answering(response);
    assertEquals(await catalog.sessionsPage(null), outcome);
    assertEquals(await catalog.labelsPage(null), outcome);
    assertEquals(await catalog.disksOf(ID), outcome);
    assertEquals(await catalog.isUnused(ID), outcome);
  });
}

Deno.test("a server without a list of labels is said to have none", async () => {
  const { catalog } = answering(() => new Response("404 page not found", { status: 404 }));
  assertEquals(await catalog.labelsPage(null), UNSUPPORTED);
});

Deno.test("disksOf() takes no disk of a list that mixes owners or names none", async () => {
  const disk = (id: string, user_id?: string | null) => ({ id, created_at: MADE, user_id });
  for (
    const items of [
      [disk(ID, null)],
      [disk(ID)],
      [disk(ID, "a"), disk(OTHER, "b")],
      [disk(ID, "a"), disk(OTHER, null)],
    ]
  ) {
    assertEquals(await listing(page(items)).catalog.disksOf(ID), UNSUPPORTED);
  }
});

Deno.test("disksOf() whose second page breaks is not a shorter list", async () => {
  const { catalog } = answering((url) =>
    url.searchParams.has("cursor")
      ? Response.json({ code: 500, msg: "x" }, { status: 500 })
      : Response.json({
        code: 0,
        msg: "",
        data: page([{ id: ID, user_id: "a", created_at: MADE }], "b"),
      })
  );
  assertEquals(await catalog.disksOf(ID), { kind: "unknown", detail: "http_500" });
});

Deno.test("isUnused() of a server that cannot tell is false", async () => {
  const { catalog } = answering(() => new Response("404 page not found", { status: 404 }));
  assertEquals(await catalog.isUnused(ID), { kind: "done", value: false });
});

Deno.test("isUnused() believes no answer that lacks a count", async () => {
  for (
    const counts of [{}, null, { sessions_count: 0, disks_count: 0 }, {
      sessions_count: 0,
      disks_count: null,
      skills_count: 0,
    }]
  ) {
    assertEquals(await listing({ counts }).catalog.isUnused(ID), UNREAD);
  }
});

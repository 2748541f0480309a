import { assertEquals } from "@std/assert/mod.js";
import type { AcontextStandIn } from "../../local/acontext/standin.ts";
import { createAcontext } from "../../supabase/functions/_shared/acontext.ts";
import { createCatalog } from "../../supabase/functions/_shared/acontext_catalog.ts";
import type { Acontext, Outcome } from "../../supabase/functions/_shared/core/ports.ts";
import type { Catalog, Page } from "../../supabase/functions/_shared/core/reconcile_ports.ts";
import { KEY, request, withStandIn } from "./acontext_standin.ts";

const ID = "11111111-2222-4333-8444-555555555555";
const OTHER = "99999999-2222-4333-8444-555555555555";
const MADE = "2026-04-01T10:00:00.12345Z";
const UNSUPPORTED = { kind: "rejected", status: 404, detail: "unsupported" } as const;
const UNREAD = { kind: "unavailable", detail: "bad_shape" } as const;

type Connection = Catalog & Pick<Acontext, "createSession" | "createDisk">;

function connect(standIn: AcontextStandIn, namespace = "ns"): Connection {
  const options = {
    apiKey: KEY,
    baseUrl: "http://acontext.test/api/v1",
    timeoutMs: 1000,
    namespace,
    fetch: (url: string, init: RequestInit) => standIn.fetch(new Request(url, init)),
  };
  const { createSession, createDisk } = createAcontext(options);
  return { ...createCatalog(options), createSession, createDisk };
}

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

function valueOf<T>(outcome: Outcome<T>): T {
  if (outcome.kind !== "done") throw new Error(`Cannot go on: ${JSON.stringify(outcome)}`);
  return outcome.value;
}

/** Every page to the last. */
async function all<Item>(
  read: (cursor: string | null) => Promise<Outcome<Page<Item>>>,
): Promise<{ items: Item[]; pages: number }> {
  const items: Item[] = [];
  let cursor: string | null = null;
  for (let pages = 1;; pages++) {
    const { items: more, next }: Page<Item> = valueOf(await read(cursor));
    items.push(...more);
    if (next === null) return { items, pages };
    cursor = next;
  }
}

for (const version of ["new", "no-labels", "no-uuid", "oldest"] as const) {
  Deno.test(`sessionsPage() shows this namespace's sessions on a "${version}" server`, async () => {
    await withStandIn(async (standIn) => {
      const ours = connect(standIn);
      const { id } = valueOf(await ours.createSession(ID));
      for (const namespace of ["neighbour", "ns2", "n"]) {
        await connect(standIn, namespace).createSession(crypto.randomUUID());
      }
      await standIn.fetch(request("POST", "/session", { json: {} }));
      await standIn.fetch(request("POST", "/session", { json: { configs: { namespace: "ns" } } }));
      const { items } = await all(ours.sessionsPage);
      assertEquals(items.map((item) => [item.id, item.originId]), [[id, ID]]);
    }, { version });
  });
}

for (const version of ["new", "no-uuid"] as const) {
  Deno.test(`labelsPage() and disksOf() show this namespace's on a "${version}" server`, async () => {
    await withStandIn(async (standIn) => {
      const ours = connect(standIn);
      const { id } = valueOf(await ours.createDisk(ID));
      const { id: second } = valueOf(await ours.createDisk(ID));
      const { id: third } = valueOf(await ours.createDisk(OTHER));
      for (const namespace of ["neighbour", "ns2", "n", "ns:x"]) {
        await connect(standIn, namespace).createDisk(ID);
      }
      await standIn.fetch(request("POST", "/disk", { json: {} }));
      standIn.control.createSkill();
      standIn.control.createSkill({ user: "somebody" });

      const { items } = await all(ours.labelsPage);
      assertEquals(items.map(({ originId }) => originId), [ID, OTHER]);
      const disks = valueOf(await ours.disksOf(ID));
      assertEquals(disks.map((disk) => [disk.id, disk.originId]), [[id, ID], [second, ID]]);
      assertEquals(valueOf(await ours.disksOf(OTHER)).map((disk) => disk.id), [third]);
      assertEquals(await ours.disksOf(crypto.randomUUID()), { kind: "done", value: [] });
    }, { version });
  });
}

for (const version of ["no-labels", "oldest"] as const) {
  Deno.test(`disksOf() finds no disk, not even a skill's, on a "${version}" server`, async () => {
    await withStandIn(async (standIn) => {
      const ours = connect(standIn);
      await ours.createDisk(ID);
      standIn.control.createSkill();
      assertEquals(await ours.disksOf(ID), UNSUPPORTED);
      assertEquals((await all(ours.labelsPage)).items, []);
    }, { version });
  });
}

Deno.test("the catalog asks for disks by label only: skills' disks are never listed", async () => {
  await withStandIn(async (standIn) => {
    const seen: string[] = [];
    const catalog = createCatalog({
      apiKey: KEY,
      baseUrl: "http://acontext.test/api/v1",
      timeoutMs: 1000,
      namespace: "ns",
      async fetch(url, init) {
        const response = await standIn.fetch(new Request(url, init));
        seen.push(await response.clone().text());
        return response;
      },
    });
    await connect(standIn).createDisk(ID);
    const { diskId } = standIn.control.createSkill();
    for (const { originId } of (await all(catalog.labelsPage)).items) {
      await catalog.isUnused(originId);
      await catalog.disksOf(originId);
    }
    await all(catalog.sessionsPage);
    assertEquals(seen.some((text) => text.includes(diskId)), false);
  });
});

Deno.test("lists longer than a page are read by cursor to their end", async () => {
  await withStandIn(async (standIn) => {
    const ours = connect(standIn);
    const ids = Array.from({ length: 401 }, () => crypto.randomUUID());
    for (const id of ids) {
      await ours.createSession(id);
      await ours.createDisk(id);
    }
    const sessions = await all(ours.sessionsPage);
    assertEquals([sessions.pages, sessions.items.map(({ id }) => id)], [3, ids]);
    const labels = await all(ours.labelsPage);
    assertEquals([labels.pages, labels.items.map(({ originId }) => originId)], [3, ids]);
  });
});

Deno.test("disksOf() reads all pages of one label", async () => {
  await withStandIn(async (standIn) => {
    const ours = connect(standIn);
    for (let disk = 0; disk < 201; disk++) await ours.createDisk(ID);
    assertEquals(valueOf(await ours.disksOf(ID)).length, 201);
  });
});

Deno.test("isUnused() is true only for a label that owns no session, disk or skill", async () => {
  await withStandIn(async (standIn) => {
    const ours = connect(standIn);
    const { id } = valueOf(await ours.createDisk(ID));
    assertEquals(await ours.isUnused(ID), { kind: "done", value: false });
    await standIn.fetch(request("DELETE", `/disk/${id}`));
    assertEquals(await ours.isUnused(ID), { kind: "done", value: true });

    const { skillId } = standIn.control.createSkill({ user: `ns:${ID}` });
    assertEquals(await ours.isUnused(ID), { kind: "done", value: false }, skillId);
    await standIn.fetch(request("POST", "/session", { json: { user: `ns:${OTHER}` } }));
    assertEquals(await ours.isUnused(OTHER), { kind: "done", value: false });
  });
});

Deno.test("isUnused() of a server that cannot tell is false", async () => {
  const { catalog } = answering(() => new Response("404 page not found", { status: 404 }));
  assertEquals(await catalog.isUnused(ID), { kind: "done", value: false });
});

Deno.test("removeLabel() removes this label and no other", async () => {
  await withStandIn(async (standIn) => {
    const ours = connect(standIn);
    for (const namespace of ["ns", "neighbour"]) await connect(standIn, namespace).createDisk(ID);
    await ours.createDisk(OTHER);
    assertEquals(await ours.removeLabel(ID), { kind: "done", value: null });
    assertEquals(standIn.control.audit().users, [`neighbour:${ID}`, `ns:${OTHER}`]);
  });
});

Deno.test("labels travel as one path segment, whatever the namespace", async () => {
  await withStandIn(async (standIn) => {
    const ours = connect(standIn, "team-a.b_c");
    const { id } = valueOf(await ours.createDisk(ID));
    assertEquals(await ours.isUnused(ID), { kind: "done", value: false });
    await standIn.fetch(request("DELETE", `/disk/${id}`));
    assertEquals(await ours.removeLabel(ID), { kind: "done", value: null });
    assertEquals(standIn.control.audit().users, []);
  });
});

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
    value: { items: [], next: null },
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
  assertEquals(await catalog.labelsPage(null), { kind: "done", value: { items: [], next: null } });
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
    value: { items: [{ id: OTHER, originId: ID, createdAt: MADE }], next: "next one" },
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
    value: { items: [{ originId: ID, createdAt: MADE }], next: "more" },
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
  { name: "with an item without a time", data: page([{ id: ID, identifier: `ns:${ID}` }]) },
  {
    name: "with an item of no known time",
    data: page([{ id: ID, identifier: `ns:${ID}`, created_at: "yesterday" }]),
  },
  { name: "with an item that is none", data: page(["x"]) },
];

for (const { name, data } of BAD_PAGES) {
  Deno.test(`a page ${name} is not an empty page`, async () => {
    const { catalog } = listing(data);
    assertEquals(await catalog.sessionsPage(null), UNREAD);
    assertEquals(await catalog.labelsPage(null), UNREAD);
    assertEquals(await catalog.disksOf(ID), UNREAD);
  });
}

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

Deno.test("an outage of the database behind Acontext empties no list", async () => {
  await withStandIn(async (standIn) => {
    const ours = connect(standIn);
    await ours.createSession(ID);
    await ours.createDisk(ID);
    standIn.control.setFaults([{ route: "*", fault: { kind: "outage" } }]);
    const unread = { kind: "unknown", detail: "http_500" };
    assertEquals(await ours.sessionsPage(null), unread);
    assertEquals(await ours.labelsPage(null), unread);
    assertEquals(await ours.disksOf(ID), unread);
    assertEquals(await ours.isUnused(ID), unread);
    assertEquals(await ours.removeLabel(ID), unread);
  });
});

import { assertEquals } from "@std/assert/mod.js";
import type { AcontextStandIn } from "../../../local/acontext/standin.ts";
import { createCatalog } from "../../../supabase/functions/_acontext_sessions/acontext/catalog.ts";
import { createResources } from "../../../supabase/functions/_acontext_sessions/acontext/resources.ts";
import type { Outcome } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";
import type {
  Catalog,
  Page,
} from "../../../supabase/functions/_acontext_sessions/core/reconcile/ports.ts";
import type { RemoteResources } from "../../../supabase/functions/_acontext_sessions/core/resources.ts";
import { KEY, request, withStandIn } from "../standin/standin.ts";

const ID = "11111111-2222-4333-8444-555555555555";
const OTHER = "99999999-2222-4333-8444-555555555555";
const UNSUPPORTED = { kind: "rejected", status: 404, detail: "unsupported" } as const;

type Connection = Catalog & Pick<RemoteResources, "createSession" | "createDisk">;

function connect(standIn: AcontextStandIn, namespace = "ns"): Connection {
  const options = {
    apiKey: KEY,
    baseUrl: "http://acontext.test/api/v1",
    timeoutMs: 1000,
    namespace,
    fetch: (url: string, init: RequestInit) => standIn.fetch(new Request(url, init)),
  };
  const { createSession, createDisk } = createResources(options);
  return { ...createCatalog(options), createSession, createDisk };
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
      assertEquals(disks.items.map((disk) => [disk.id, disk.originId]), [[id, ID], [second, ID]]);
      assertEquals(valueOf(await ours.disksOf(OTHER)).items.map((disk) => disk.id), [third]);
      assertEquals(await ours.disksOf(crypto.randomUUID()), {
        kind: "done",
        value: { items: [], skipped: 0 },
      });
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
    assertEquals(valueOf(await ours.disksOf(ID)).items.length, 201);
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

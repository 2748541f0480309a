import { assertEquals } from "@std/assert/mod.js";
import type { AcontextStandIn } from "../../../local/acontext/standin.ts";
import { createResources } from "../../../supabase/functions/_acontext_sessions/acontext/resources.ts";
import type { RemoteResources } from "../../../supabase/functions/_acontext_sessions/core/resources.ts";
import { addSession, KEY, withStandIn } from "../standin/standin.ts";

const ID = "11111111-2222-4333-8444-555555555555";
const OTHER = "99999999-2222-4333-8444-555555555555";
const VERSIONS = ["new", "no-labels", "no-uuid", "oldest"] as const;

function connect(standIn: AcontextStandIn, namespace = "ns"): RemoteResources {
  return createResources({
    apiKey: KEY,
    baseUrl: "http://acontext.test/api/v1",
    timeoutMs: 1000,
    namespace,
    fetch: (url, init) => standIn.fetch(new Request(url, init)),
  });
}

for (const version of VERSIONS) {
  Deno.test(`a session and its disk are made, found and deleted on a "${version}" server`, async () => {
    await withStandIn(async (standIn) => {
      const acontext = connect(standIn);
      for (const id of [ID, OTHER]) await connect(standIn, "neighbour").createDisk(id);
      const keepsId = version === "new" || version === "no-labels";
      const keepsLabel = version === "new" || version === "no-uuid";

      const session = await acontext.createSession(ID);
      const disk = await acontext.createDisk(ID);
      if (session.kind !== "done" || disk.kind !== "done") throw new Error("not made");
      assertEquals(session.value.id === ID, keepsId);
      assertEquals(disk.value.labelled, keepsLabel);

      assertEquals(await acontext.findSessions(ID), {
        kind: "done",
        value: { ids: [session.value.id] },
      });
      const disks = await acontext.findDisks(ID);
      if (disks.kind !== "done") throw new Error("no list");
      assertEquals(disks.value.filtered, keepsLabel);
      assertEquals(disks.value.ids.includes(disk.value.id), true);
      assertEquals(disks.value.ids.length, keepsLabel ? 1 : 3);

      assertEquals(await acontext.deleteSession(session.value.id, 10_000), {
        kind: "done",
        value: null,
      });
      assertEquals(await acontext.deleteDisk(disk.value.id, 10_000), { kind: "done", value: null });
      assertEquals(await acontext.deleteDisk(disk.value.id, 10_000), { kind: "absent" });
      assertEquals(await acontext.findSessions(ID), { kind: "done", value: { ids: [] } });
      assertEquals(await acontext.probe(), { kind: "done", value: null });
    }, { version });
  });
}

Deno.test("a second createSession() finds the first, and another namespace's is foreign", async () => {
  await withStandIn(async (standIn) => {
    const acontext = connect(standIn);
    const made = { kind: "done", value: { id: ID } };
    assertEquals(await acontext.createSession(ID), made);
    assertEquals(await acontext.createSession(ID), made);
    const foreign = { kind: "rejected", status: 409, detail: "foreign_session" };
    assertEquals(await connect(standIn, "neighbour").createSession(ID), foreign);
    await addSession(standIn, OTHER);
    assertEquals(await acontext.createSession(OTHER), foreign);
  });
});

Deno.test("a database outage behind Acontext never looks like an empty list", async () => {
  await withStandIn(async (standIn) => {
    const acontext = connect(standIn);
    await acontext.createSession(ID);
    standIn.control.setFaults([{ route: "*", fault: { kind: "outage" } }]);
    assertEquals(await acontext.deleteSession(ID, 10_000), { kind: "absent" });
    const unread = { kind: "unknown", detail: "http_500" };
    assertEquals(await acontext.findSessions(ID), unread);
    assertEquals(await acontext.findDisks(ID), unread);
    assertEquals(await acontext.probe(), unread);
  });
});

Deno.test("a wrong base URL is an outage, never an absence", async () => {
  await withStandIn(async (standIn) => {
    const acontext = createResources({
      apiKey: KEY,
      baseUrl: "http://acontext.test/api/v2",
      timeoutMs: 1000,
      namespace: "ns",
      fetch: (url, init) => standIn.fetch(new Request(url, init)),
    });
    const outage = { kind: "unavailable", detail: "http_404" };
    assertEquals(await acontext.deleteSession(ID, 10_000), outage);
    assertEquals(await acontext.deleteDisk(ID, 10_000), outage);
    assertEquals(await acontext.findDisks(ID), outage);
  });
});

Deno.test("the files of a disk are found in all its directories, and deleted by their paths", async () => {
  await withStandIn(async (standIn) => {
    const acontext = connect(standIn);
    const disk = await acontext.createDisk(ID);
    if (disk.kind !== "done") throw new Error("not made");
    const { id } = disk.value;
    assertEquals(await acontext.findFiles(id), { kind: "done", value: [] });
    const paths = ["/a.txt", "/b c/d&e=é.txt", "/b c/f/+#?.txt", "/g/.acontext-sessions/h"];
    for (const path of paths) {
      const form = new FormData();
      form.set("file_path", path.slice(0, path.lastIndexOf("/") + 1));
      form.set("file", new File([path], path.slice(path.lastIndexOf("/") + 1)));
      const headers = { authorization: `Bearer ${KEY}` };
      const url = `http://acontext.test/api/v1/disk/${id}/artifact`;
      await standIn.fetch(new Request(url, { method: "POST", headers, body: form }));
    }
    const found = await acontext.findFiles(id);
    if (found.kind !== "done") throw new Error("not found");
    assertEquals(found.value.toSorted(), paths);
    for (const path of paths) {
      assertEquals(await acontext.deleteFile(id, path, 1_000), { kind: "done", value: null });
    }
    assertEquals(await acontext.findFiles(id), { kind: "done", value: [] });
    assertEquals(standIn.control.audit().objects, 0);
    const missing = await acontext.deleteFile(id, "/a.txt", 1_000);
    assertEquals(missing, { kind: "unknown", detail: "http_500" });
    assertEquals(await acontext.findFiles(OTHER), { kind: "absent" });
    assertEquals((await acontext.findFiles("x")).kind, "rejected");
    assertEquals((await acontext.deleteFile("x", "/a", 1_000)).kind, "rejected");
  });
});

import { assertEquals } from "@std/assert/mod.js";
import { addSession, request, withStandIn } from "./standin.ts";

const ID = "11111111-2222-4333-8444-555555555555";

Deno.test("age() makes what is there older, and keeps lists and filters in order", async () => {
  let now = Date.UTC(2026, 0, 10, 12);
  await withStandIn(async (standIn) => {
    const configs = { app: "x" };
    const body = (text: string) => JSON.parse(text).data;
    const list = async (path: string) =>
      body(await (await standIn.fetch(request("GET", path))).text()).items
        .map((item: { created_at: string }) => item.created_at.slice(11, 16));
    const make = async (id: string) => {
      await standIn.fetch(request("POST", "/session", { json: { use_uuid: id, configs } }));
      await standIn.fetch(request("POST", "/disk", { json: { user: id } }));
    };
    await make(ID);
    standIn.control.age(2 * 60 * 60);
    now += 60_000;
    await make(crypto.randomUUID());
    for (const path of ["/session", "/session?filter_by_configs={}", "/disk", "/user/ls"]) {
      assertEquals(await list(path), ["10:00", "12:01"], path);
    }
    const filter = encodeURIComponent(JSON.stringify(configs));
    assertEquals(await list(`/session?filter_by_configs=${filter}`), ["10:00", "12:01"]);
  }, { now: () => now });
});

Deno.test("a delete that is slow to begin overlaps with another of the same id", async () => {
  await withStandIn(async (standIn) => {
    const other = ID.replace("1", "2");
    await addSession(standIn, ID);
    await addSession(standIn, other);
    const slow = { route: "*", fault: { kind: "delay", ms: 20 } } as const;
    standIn.control.setFaults([{ ...slow, times: 1 }]);
    const remove = (id: string) => standIn.fetch(request("DELETE", `/session/${id}`));
    await Promise.all([remove(ID), remove(other)]);
    assertEquals(standIn.control.audit().overlappingDeletes, 0);

    await addSession(standIn, ID);
    standIn.control.setFaults([{ ...slow, times: 1 }]);
    await Promise.all([remove(ID), remove(ID)]);
    assertEquals(standIn.control.audit().overlappingDeletes, 1);
    await remove(ID);
    assertEquals(standIn.control.audit().overlappingDeletes, 1);
  });
});

import { assertEquals, assertNotEquals } from "@std/assert/mod.js";
import { z } from "zod";
import { type Version, VERSIONS } from "../../../local/acontext/options.ts";
import type { AcontextStandIn } from "../../../local/acontext/standin.ts";
import { request, withStandIn } from "./standin.ts";

const ID = "0d8f5b1e-6f0e-4d53-9d53-1f6b8f1c2a11";
const itemSchema = z.object({
  id: z.string(),
  user_id: z.string().nullish(),
  space_id: z.null().optional(),
});

async function made(standIn: AcontextStandIn, path: string, json: unknown) {
  const response = await standIn.fetch(request("POST", path, { json }));
  return z.object({ data: itemSchema }).parse(await response.json()).data;
}

async function listed(standIn: AcontextStandIn, path: string): Promise<number> {
  const response = await standIn.fetch(request("GET", path));
  const page = z.object({ data: z.object({ items: z.array(z.unknown()) }) });
  return page.parse(await response.json()).data.items.length;
}

const FACTS: Record<Version, { useUuid: boolean; labels: boolean; missing: number }> = {
  "new": { useUuid: true, labels: true, missing: 404 },
  "no-uuid": { useUuid: false, labels: true, missing: 404 },
  "no-labels": { useUuid: true, labels: false, missing: 404 },
  "oldest": { useUuid: false, labels: false, missing: 500 },
};

for (const version of VERSIONS) {
  const { useUuid, labels, missing } = FACTS[version];
  const knows = (yes: boolean) => yes ? "honours" : "ignores";

  Deno.test(`server "${version}" ${knows(useUuid)} use_uuid and filter_by_configs`, () =>
    withStandIn(async (standIn) => {
      const session = await made(standIn, "/session", { use_uuid: ID, configs: { a: 1 } });
      if (useUuid) assertEquals(session.id, ID);
      else assertNotEquals(session.id, ID);
      assertEquals("space_id" in session, !useUuid);
      await made(standIn, "/session", { configs: { a: 2 } });
      const filter = encodeURIComponent('{"a":1}');
      const found = await listed(standIn, `/session?filter_by_configs=${filter}`);
      assertEquals(found, useUuid ? 1 : 2);
    }, { version }));

  Deno.test(`server "${version}" ${knows(labels)} the user of a disk`, () =>
    withStandIn(async (standIn) => {
      const disk = await made(standIn, "/disk", { user: "u" });
      await made(standIn, "/disk", {});
      assertEquals(typeof disk.user_id === "string", labels);
      assertEquals(await listed(standIn, "/disk?user=u"), labels ? 1 : 2);
      assertEquals(standIn.control.audit().users, labels ? ["u"] : []);
    }, { version }));

  Deno.test(`server "${version}" answers ${missing} to the delete of a missing session`, () =>
    withStandIn(async (standIn) => {
      const response = await standIn.fetch(request("DELETE", `/session/${ID}`));
      await response.body?.cancel();
      assertEquals(response.status, missing);
    }, { version }));
}

Deno.test("the version can be changed while the server runs", () =>
  withStandIn(async (standIn) => {
    standIn.control.setVersion("oldest");
    assertNotEquals((await made(standIn, "/session", { use_uuid: ID })).id, ID);
    standIn.control.setVersion("new");
    assertEquals((await made(standIn, "/session", { use_uuid: ID })).id, ID);
  }));

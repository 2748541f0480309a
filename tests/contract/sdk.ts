/** What the SDK makes of today's servers; tested with the package, and with the package as it is in the bundles. @module */

import type * as acontext from "@acontext/acontext";
import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { Buffer } from "node:buffer";
import { type Api, dataOf } from "./api.ts";
import { contractTest, standInTest } from "./harness.ts";
import { pageOf, sessionSchema } from "./shapes.ts";

async function ours(api: Api): Promise<string[]> {
  const query = { filter_by_configs: JSON.stringify({ contract: api.mark }) };
  const page = dataOf(await api.call("GET", "/session", { query }), pageOf(sessionSchema));
  return page.items.filter(({ configs }) => configs?.["contract"] === api.mark)
    .map(({ id }) => id);
}

/** As much of the package as the tests use. */
export type Sdk = Pick<
  typeof acontext,
  "AcontextClient" | "APIError" | "FileUpload" | "TransportError"
>;

/** Registers the tests for one SDK, all with its `name`. */
export function testSdk(name: string, sdk: Sdk): void {
  const { AcontextClient, APIError, FileUpload, TransportError } = sdk;

  function sdkOf({ baseUrl, apiKey }: Api, timeout = 10_000): acontext.AcontextClient {
    return new AcontextClient({ baseUrl, apiKey, userAgent: "contract", timeout });
  }

  contractTest(`${name}: sessions.create makes a session, then throws ZodError`, async (api) => {
    const create = () => sdkOf(api).sessions.create({ configs: { contract: api.mark } });
    const error = await assertRejects(create);
    const ids = await ours(api);
    ids.forEach((id) => api.remember("session", id));
    assert(error instanceof Error && error.name === "ZodError" && !(error instanceof APIError));
    assertEquals(ids.length, 1);
  });

  contractTest(`${name}: sessions.list and getConfigs throw ZodError, too`, async (api) => {
    const id = await api.session();
    const sdk = sdkOf(api);
    for (const call of [() => sdk.sessions.list(), () => sdk.sessions.getConfigs(id)]) {
      const error = await assertRejects(call);
      assert(error instanceof Error && error.name === "ZodError");
    }
  });

  contractTest(`${name}: client.request reaches what the methods do not`, async (api) => {
    const use_uuid = crypto.randomUUID();
    const jsonData = { use_uuid, configs: { contract: api.mark } };
    const data = await sdkOf(api).request("POST", "/session", { jsonData });
    api.remember("session", use_uuid);
    assertEquals(sessionSchema.parse(data).id, use_uuid);
  });

  contractTest(
    `${name}: messages are stored, loaded, counted, and sessions deleted`,
    async (api) => {
      const id = await api.session();
      const { sessions } = sdkOf(api);
      const stored = await sessions.storeMessage(id, { role: "user", content: "hello world" });
      assertEquals(stored.parts[0]?.text, "hello world");
      const loaded = await sessions.getMessages(id);
      assertEquals([loaded.items, loaded.ids], [[{ role: "user", content: "hello world" }], [
        stored.id,
      ]]);
      assertEquals((await sessions.getTokenCounts(id)).total_tokens, 3);
      assertEquals((await sessions.messagesObservingStatus(id)).in_process, 0);
      await sessions.delete(id);
      assertEquals(await ours(api), []);
    },
  );

  contractTest(
    `${name}: getMessages with a limit loses the newest message by default`,
    async (api) => {
      const id = await api.session();
      for (const text of ["m1", "m2", "m3"]) await api.say(id, text);
      const { sessions } = sdkOf(api);
      const lossy = await sessions.getMessages(id, { limit: 2 });
      assertEquals(lossy.items, [{ role: "user", content: "m1" }, { role: "user", content: "m2" }]);
      const safe = await sessions.getMessages(id, { limit: 2, timeDesc: false });
      assertEquals(safe.has_more, true);
    },
  );

  contractTest(`${name}: disks and artifacts work as they are`, async (api) => {
    const sdk = sdkOf(api);
    const disk = await sdk.disks.create();
    api.remember("disk", disk.id);
    assert((await sdk.disks.list({ limit: 200, timeDesc: true })).items.length > 0);

    const file = new FileUpload({ filename: "a.txt", content: Buffer.from("hello") });
    const stored = await sdk.artifacts.upsert(disk.id, { file, filePath: "/notes/" });
    assertEquals([stored.path, stored.filename], ["/notes/", "a.txt"]);
    const at = { filePath: "/notes/", filename: "a.txt" };
    assertEquals((await sdk.artifacts.get(disk.id, at)).content?.raw, "hello");
    assertEquals((await sdk.artifacts.list(disk.id, { path: "/" })).directories, ["notes"]);
    await sdk.artifacts.update(disk.id, { ...at, meta: { n: 1 } });
    await sdk.artifacts.delete(disk.id, at);
    await sdk.disks.delete(disk.id);
    const error = await assertRejects(() => sdk.disks.delete(disk.id), APIError);
    assertEquals([error.statusCode, error.code], [404, 404]);
  });

  contractTest(`${name}: an HTTP failure is an APIError with status and code`, async (api) => {
    const sdk = sdkOf(api);
    const missing = crypto.randomUUID();
    const error = await assertRejects(() => sdk.sessions.getMessages(missing), APIError);
    assertEquals([error.statusCode, error.code], [400, 500]);
    const wrongKey = sdkOf({ ...api, apiKey: "sk-ac-wrong" });
    assertEquals((await assertRejects(() => wrongKey.ping(), APIError)).statusCode, 401);
  });

  contractTest(`${name}: ping answers pong`, async (api) => {
    assertEquals(await sdkOf(api).ping(), "pong");
  });

  standInTest(`${name}: a dropped answer and a timeout are TransportErrors`, async (api) => {
    api.control.setFaults([
      { route: "POST /disk", times: 1, fault: { kind: "drop", when: "after" } },
      { route: "POST /disk", times: 1, fault: { kind: "delay", ms: 300 } },
    ]);
    await assertRejects(() => sdkOf(api).disks.create(), TransportError);
    await assertRejects(() => sdkOf(api, 100).disks.create(), TransportError);
    await new Promise((resolve) => setTimeout(resolve, 400));
    assertEquals(api.control.audit().disks.length, 2); // both took effect
  });

  standInTest(`${name}: a gateway's 502 page is an APIError without a payload`, async (api) => {
    api.control.setFaults([
      { route: "*", times: 1, fault: { kind: "status", status: 502, body: "<html>" } },
    ]);
    const error = await assertRejects(() => sdkOf(api).ping(), APIError);
    assertEquals([error.statusCode, error.payload], [502, null]);
  });

  standInTest(`${name}: sessions.create works on an old server`, async (api) => {
    api.control.setVersion("no-uuid");
    const session = await sdkOf(api).sessions.create({ configs: { contract: api.mark } });
    assertEquals(session.configs, { contract: api.mark });
    assertEquals((await sdkOf(api).sessions.list()).items.length, 1);
  });
}

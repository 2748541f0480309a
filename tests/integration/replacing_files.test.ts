/** A file that is stored again under its name. @module */

import { assert, assertEquals } from "@std/assert/mod.js";
import { type Conversation, converse, type FileView } from "./support/conversations.ts";
import { type Answer, assertRefused } from "./support/functions.ts";
import { integrationTest, type World } from "./support/world.ts";

const UPLOAD = "POST /disk/:id/artifact";
const DELETE = "DELETE /disk/:id/artifact";

async function contentOf(chat: Conversation, query: Record<string, string>): Promise<string> {
  const response = await chat.download(query);
  assertEquals(response.status, 200);
  return await response.text();
}

const names = (files: FileView[]) => files.map(({ filename }) => filename);

async function objects({ remote }: World): Promise<number> {
  return (await remote.audit()).objects;
}

integrationTest("an upload replaces the file of the same name", async (world) => {
  const { chat } = await converse(world);
  await chat.uploaded("old", { type: "text/plain" });
  const answer = await chat.upload("newer", { type: "text/markdown" });
  assertEquals(answer.status, 200);
  assertEquals(await contentOf(chat, { filename: "a.txt" }), "newer");
  const { files, directories } = await chat.list();
  assertEquals([names(files), directories], [["a.txt"], []]);
  assertEquals([files[0]?.size, files[0]?.contentType], [5, "text/markdown"]);
  assertEquals(await objects(world), 1, "no copy is left");
});

for (
  const [name, fault] of [
    ["refused", { kind: "status", status: 413 }],
    ["throttled", { kind: "throttle", retryAfterSeconds: 3 }],
    ["lost on the way", { kind: "drop", when: "before" }],
    ["a crash of the server", { kind: "status", status: 500 }],
    ["an outage", { kind: "outage" }],
  ] as const
) {
  integrationTest(
    `the old file stays when its replacement fails at once: ${name}`,
    async (world) => {
      const { chat } = await converse(world);
      await chat.uploaded("old");
      const answer = await world.remote.withFaults(
        [{ route: UPLOAD, fault }],
        () => chat.upload("new"),
      );
      assert(answer.status >= 502, String(answer.status));
      assertEquals(await contentOf(chat, { filename: "a.txt" }), "old");
      assertEquals(names((await chat.list()).files), ["a.txt"]);
    },
  );
}

/** The server deletes the old file and then fails: what an upsert that breaks half-way leaves behind. */
async function breakHalfWay(world: World, chat: Conversation, work: () => Promise<Answer>) {
  const [disk] = (await world.remote.audit()).disks;
  await world.remote.control.setFaults([
    { route: UPLOAD, times: 1, fault: { kind: "delay", ms: 0 } },
    { route: UPLOAD, fault: { kind: "status", status: 500 } },
  ]);
  const answer = await work();
  await world.remote.control.clearFaults();
  assertRefused(answer, 503, "acontext_unavailable");
  const response = await fetch(
    `${world.info.acontext.baseUrl}/disk/${disk?.id}/artifact?file_path=${
      encodeURIComponent("/a.txt")
    }`,
    { method: "DELETE", headers: { authorization: `Bearer ${world.info.acontext.apiKey}` } },
  );
  await response.body?.cancel();
  assertEquals(response.status, 200);
  return chat;
}

integrationTest("a replacement that broke half-way leaves the new file", async (world) => {
  const { chat } = await converse(world);
  await chat.uploaded("old");
  await breakHalfWay(world, chat, () => chat.upload("new", { type: "text/x-new" }));
  const { files, directories } = await chat.list();
  assertEquals([names(files), directories], [["a.txt"], []]);
  assertEquals([files[0]?.path, files[0]?.contentType], ["/", "text/x-new"]);
  assertEquals(await contentOf(chat, { filename: "a.txt" }), "new");
  assertEquals(await (await fetch(await chat.link({ filename: "a.txt" }))).text(), "new");
  assertRefused(await chat.getUrl({ filename: "b.txt" }), 404, "file_not_found");
});

integrationTest("what broke half-way can be replaced", async (world) => {
  const { chat } = await converse(world);
  await chat.uploaded("old");
  await breakHalfWay(world, chat, () => chat.upload("new"));
  await chat.uploaded("newest");
  assertEquals(await contentOf(chat, { filename: "a.txt" }), "newest");
  await chat.uploaded("last");
  assertEquals(await contentOf(chat, { filename: "a.txt" }), "last");
});

integrationTest("what broke half-way can be deleted for good", async (world) => {
  const { chat } = await converse(world);
  await chat.uploaded("old");
  await breakHalfWay(world, chat, () => chat.upload("new"));
  assertEquals((await chat.removeFile({ filename: "a.txt" })).body, { deleted: true });
  assertRefused(await chat.getUrl({ filename: "a.txt" }), 404, "file_not_found");
  assertEquals(await chat.list(), { path: "/", files: [], directories: [] });
  assertEquals(await objects(world), 0);
});

integrationTest(
  "a copy that could not be removed never shows and goes with its file",
  async (world) => {
    const { chat } = await converse(world);
    await chat.uploaded("old");
    await world.remote.withFaults(
      [{ route: DELETE, fault: { kind: "status", status: 500 } }],
      () => chat.uploaded("new"),
    );
    assertEquals(await chat.list().then(({ files, directories }) => [names(files), directories]), [
      ["a.txt"],
      [],
    ]);
    assertEquals((await chat.removeFile({ filename: "a.txt" })).body, { deleted: true });
    assertEquals(await chat.list(), { path: "/", files: [], directories: [] });
  },
);

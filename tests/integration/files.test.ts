import { assert, assertEquals, assertRejects } from "@std/assert/mod.js";
import { type Conversation, converse, type FileView } from "./support/conversations.ts";
import { assertRefused } from "./support/functions.ts";
import { integrationTest, type World } from "./support/world.ts";

const UPLOAD = "POST /disk/:id/artifact";
const GET = "GET /disk/:id/artifact";
const LIST = "GET /disk/:id/artifact/ls";
const DELETE = "DELETE /disk/:id/artifact";
const LINKED = "GET /material/:token";
const MIB = 1024 * 1024;

async function contentOf(chat: Conversation, query: Record<string, string>): Promise<string> {
  const response = await chat.download(query);
  assertEquals(response.status, 200);
  return await response.text();
}

const names = (files: FileView[]) => files.map(({ filename }) => filename);

integrationTest("a file is stored, listed, linked, read and deleted", async (world) => {
  const { chat } = await converse(world);
  const answer = await chat.upload("hello", {
    filename: "a.txt",
    path: "/notes/",
    type: "text/x-own; charset=utf-8",
  });
  assertEquals(answer.status, 201);
  const { files, directories } = await chat.list({ path: "/notes/" });
  assertEquals<unknown>(files, [answer.body]);
  assertEquals([files[0]?.size, files[0]?.contentType, directories], [
    5,
    "text/x-own; charset=utf-8",
    [],
  ]);
  assertEquals((await chat.list()).directories, ["notes"]);

  const place = { path: "/notes/", filename: "a.txt" };
  const open = await fetch(await chat.link({ ...place, expires: 60 }));
  assertEquals([open.status, await open.text()], [200, "hello"]);
  const response = await chat.download(place);
  const { headers } = response;
  assertEquals(await response.text(), "hello");
  assertEquals(headers.get("content-type"), "text/x-own; charset=utf-8");
  assertEquals(headers.get("x-content-type-options"), "nosniff");
  assertEquals(
    headers.get("content-disposition"),
    `attachment; filename="a.txt"; filename*=UTF-8''a.txt`,
  );
  assertEquals(headers.get("access-control-allow-origin"), "*");
  assert(headers.get("x-request-id"));

  assertEquals((await chat.removeFile(place)).body, { deleted: true });
  assertEquals((await chat.removeFile(place)).body, { deleted: false });
  assertRefused(await chat.getUrl(place), 404, "file_not_found");
  assertEquals((await chat.list()).directories, []);
});

integrationTest("odd names come back as they were", async (world) => {
  const { chat } = await converse(world);
  const filenames = [
    "naïve 文件 🙂.txt",
    "two  blanks.md",
    'a "quoted" name',
    "it's",
    "100%.csv",
    "%22%2F.txt",
    "a+b=c;d&e.txt",
    "what?#yes.html",
    "back\\slash",
    ".hidden",
    "no extension",
    "[x]{y}<z>|.txt",
    "x".repeat(255),
  ];
  for (const path of ["/", "/odd dir/ü & 50%/"]) {
    for (const filename of filenames) {
      const stored = await chat.uploaded(filename, { filename, path });
      assertEquals([stored.path, stored.filename], [path, filename]);
      assertEquals(await contentOf(chat, { path, filename }), filename);
      assertEquals(await (await fetch(await chat.link({ path, filename }))).text(), filename);
    }
    const { files } = await chat.list({ path });
    assertEquals(names(files), filenames.toSorted());
  }
  assertEquals((await chat.list({ path: "/odd dir/" })).directories, ["ü & 50%"]);
  for (const filename of filenames) {
    assertEquals((await chat.removeFile({ filename })).body, { deleted: true });
  }
  assertEquals((await chat.list()).files, []);
});

integrationTest("the name of the file in the form will do", async (world) => {
  const { chat } = await converse(world);
  const form = new FormData();
  form.set("file", new File(["x"], 'a "b"; c=1 é.txt'));
  assertEquals((await chat.uploadForm(form)).status, 201);
  assertEquals(names((await chat.list()).files), ['a "b"; c=1 é.txt']);
});

integrationTest(
  "places that Acontext would change are refused before anything happens",
  async (world) => {
    const { chat } = await converse(world);
    const calls = await world.remote.callsOf(async () => {
      for (
        const path of ["", "notes/", "/notes", "//", "/a//b/", "/../", "/a..b/", "/a\0b/", "/./"]
          .concat(["/ a/", "/a /", "/.acontext-sessions/", "/a/.acontext-sessions/", "/a\nb/"])
          .concat(`/${"x".repeat(1024)}/`)
      ) {
        const error = assertRefused(await chat.getFiles({ path }), 400, "invalid_request");
        assertEquals(error.details?.[0]?.path, "path", path);
        assertRefused(await chat.upload("x", { path }), 400, "invalid_request");
        assertRefused(await chat.removeFile({ path, filename: "a" }), 400, "invalid_request");
      }
      for (const filename of ["a/b", "..", ".", " a", "a ", "a\0", "a..b", "x".repeat(256)]) {
        assertRefused(await chat.upload("x", { filename }), 400, "invalid_request");
        assertRefused(await chat.getUrl({ filename }), 400, "invalid_request");
        assertRefused(await chat.removeFile({ filename }), 400, "invalid_request");
      }
      for (const expires of [59, 86_401, "x"]) {
        assertRefused(await chat.getUrl({ filename: "a", expires }), 400, "invalid_request");
      }
      assertRefused(await chat.getUrl({}), 400, "invalid_request");
      assertRefused(await chat.getFiles({ path: "/", depth: 2 }), 400, "invalid_request");
      const none = new FormData();
      none.set("path", "/");
      assertRefused(await chat.uploadForm(none), 400, "invalid_request");
      const two = new FormData();
      two.set("file", new File(["x"], "x"));
      two.set("file2", new File(["x"], "x"));
      assertRefused(await chat.uploadForm(two), 400, "invalid_request");
      assertRefused(await chat.upload("x", { owner: "me" }), 400, "invalid_request");
    });
    assertEquals(calls, {});
  },
);

integrationTest(
  "a file of 16 MiB is stored, and a larger one refused before it is sent on",
  async (world) => {
    const { chat } = await converse(world);
    const bytes = new Uint8Array(16 * MIB);
    for (let index = 0; index < bytes.length; index += 4096) bytes[index] = index / 4096;
    const file = { filename: "large.bin", type: "application/octet-stream" };
    assertEquals((await chat.upload(bytes, file)).status, 201);
    const response = await chat.download({ filename: "large.bin" });
    assertEquals(await response.bytes(), bytes);
    const calls = await world.remote.callsOf(async () => {
      const larger = new Uint8Array(16 * MIB + 1);
      assertRefused(await chat.upload(larger, { filename: "b" }), 413, "body_too_large");
      const huge = new Uint8Array(20 * MIB);
      assertRefused(await chat.upload(huge, { filename: "b" }), 413, "body_too_large");
    });
    assertEquals(calls, {});
  },
);

integrationTest("a page that a user uploaded is never shown as one", async (world) => {
  const { chat } = await converse(world);
  await chat.uploaded("<script>alert(1)</script>", { filename: "x.html", type: "text/html" });
  const { headers, body } = await chat.download({ filename: "x.html" });
  await body?.cancel();
  assert(headers.get("content-disposition")?.startsWith("attachment"));
  assertEquals(headers.get("x-content-type-options"), "nosniff");
  assert(headers.get("content-security-policy")?.includes("sandbox"));
});

integrationTest("a text that Acontext cannot keep is refused before it is sent", async (world) => {
  const { chat } = await converse(world);
  await chat.uploaded("old", { filename: "a.txt" });
  const calls = await world.remote.callsOf(async () => {
    assertRefused(await chat.upload("new\0", { filename: "a.txt" }), 422, "file_unstorable");
  });
  assertEquals(calls, {});
  assertEquals(await contentOf(chat, { filename: "a.txt" }), "old");
});

integrationTest("a lost answer to a delete is healed by the repeated call", async (world) => {
  const { chat } = await converse(world);
  await chat.uploaded("x");
  const answer = await world.remote.withFaults(
    [{ route: DELETE, times: 1, fault: { kind: "drop", when: "after" } }],
    () => chat.removeFile({ filename: "a.txt" }),
  );
  assertEquals(answer.body, { deleted: true }, "the list proves it");
  assertEquals((await chat.removeFile({ filename: "a.txt" })).body, { deleted: false });
});

integrationTest("an outage is a 503 and no file is missed or claimed", async (world) => {
  const { chat } = await converse(world);
  await chat.uploaded("x");
  await world.remote.withFaults([{ route: "*", fault: { kind: "outage" } }], async () => {
    for (
      const answer of [
        await chat.getFiles(),
        await chat.getUrl({ filename: "a.txt" }),
        await chat.getUrl({ filename: "missing" }),
        await chat.removeFile({ filename: "missing" }),
        await chat.upload("y"),
      ]
    ) assertRefused(answer, 503, "acontext_unavailable");
    assertEquals((await chat.download({ filename: "a.txt" })).status, 503);
  });
  await world.remote.withFaults(
    [{ route: GET, fault: { kind: "false404" } }, { route: LIST, fault: { kind: "outage" } }],
    async () =>
      assertRefused(await chat.getUrl({ filename: "a.txt" }), 503, "acontext_unavailable"),
  );
  await world.remote.withFaults(
    [{ route: LINKED, fault: { kind: "status", status: 500 } }],
    async () => assertEquals((await chat.download({ filename: "a.txt" })).status, 503),
  );
  assertEquals(await contentOf(chat, { filename: "a.txt" }), "x");
});

integrationTest("a disk that is gone behind our back is said to be", async (world) => {
  const { session, chat } = await converse(world);
  await world.remote.remove(`/disk/${session.acontextDiskId}`);
  assertRefused(await chat.getFiles(), 502, "acontext_inconsistent");
  assertRefused(await chat.upload("x"), 502, "acontext_inconsistent");
  assertRefused(await chat.getUrl({ filename: "a" }), 502, "acontext_inconsistent");
  assertRefused(await chat.removeFile({ filename: "a" }), 502, "acontext_inconsistent");
});

integrationTest(
  "content that is lost is told from an outage, and comes back when it is uploaded",
  async (world) => {
    const { chat } = await converse(world);
    const { session: neighbour, chat: other } = await converse(world);
    await chat.uploaded("shared");
    await other.uploaded("shared");
    // A delete of somebody else's that breaks off counts a file down, and so does the next.
    const disk = `/disk/${neighbour.acontextDiskId}` as const;
    await world.remote.withFaults(
      [{ route: "DELETE /disk/:id", times: 1, fault: { kind: "die", afterSteps: 1 } }],
      () => assertRejects(() => world.remote.remove(disk)),
    );
    await world.remote.remove(disk);

    const place = { filename: "a.txt" };
    assertEquals(names((await chat.list()).files), ["a.txt"]);
    await world.remote.withFaults(
      [{ route: UPLOAD, fault: { kind: "status", status: 500 } }],
      async () => assertEquals((await chat.download(place)).status, 503),
    );
    const lost = await chat.download(place);
    assertEquals([lost.status, (await lost.json()).code], [410, "file_content_lost"]);
    await chat.uploaded("shared");
    assertEquals(await contentOf(chat, place), "shared");
    assertEquals(names((await chat.list()).files), ["a.txt"]);
  },
);

integrationTest("each route asks Acontext as little as can be", async (world) => {
  const { chat } = await converse(world);
  const trips = (work: () => Promise<unknown>) => world.remote.callsOf(work);
  const place = { filename: "a.txt" };
  assertEquals(await trips(() => chat.uploaded("x")), { [GET]: 1, [UPLOAD]: 1 });
  assertEquals(await trips(() => chat.uploaded("xy")), { [GET]: 1, [UPLOAD]: 2, [DELETE]: 1 });
  // Of the same size: is it the same content, and lost?
  assertEquals(await trips(() => chat.uploaded("yx")), {
    [GET]: 1,
    [LINKED]: 1,
    [UPLOAD]: 2,
    [DELETE]: 1,
  });
  assertEquals(await trips(() => chat.list()), { [LIST]: 1 });
  assertEquals(await trips(() => chat.link(place)), { [GET]: 1 });
  assertEquals(await trips(() => contentOf(chat, place)), { [GET]: 1, [LINKED]: 1 });
  assertEquals(await trips(() => chat.removeFile(place)), { [LIST]: 1, [DELETE]: 1 });
  assertEquals(await trips(() => chat.removeFile(place)), { [LIST]: 1 });
  assertEquals(await trips(() => chat.getUrl(place)), { [GET]: 1, [LIST]: 1 });
});

/** Stores files behind the back of the functions, so large in a list that nine of them fill it. */
async function overfill({ info }: World, diskId: string): Promise<void> {
  const { baseUrl, apiKey } = info.acontext;
  for (let index = 0; index < 9; index++) {
    const form = new FormData();
    form.set("file_path", "/full/");
    form.set("meta", JSON.stringify({ filler: "x".repeat(1024 * 1024) }));
    form.set("file", new File(["content"], `${index}.txt`));
    const response = await fetch(`${baseUrl}/disk/${diskId}/artifact`, {
      method: "POST",
      headers: { authorization: `Bearer ${apiKey}` },
      body: form,
    });
    await response.body?.cancel();
    assertEquals(response.status, 201);
  }
}

integrationTest(
  "a directory too large to be listed says so, and goes with its session",
  async (world) => {
    const { user, session, chat } = await converse(world);
    await overfill(world, session.acontextDiskId);
    const missing = { path: "/full/", filename: "missing.txt" };
    assertRefused(await chat.getFiles({ path: "/full/" }), 422, "directory_too_large");
    assertRefused(await chat.getUrl(missing), 422, "directory_too_large");
    const query = new URLSearchParams(missing);
    const read = await world.call("session-files", `/${session.id}/content?${query}`, {
      headers: world.bearer(user),
    });
    assertRefused(read, 422, "directory_too_large");
    const there = await chat.download({ path: "/full/", filename: "0.txt" });
    assertEquals([there.status, await there.text()], [200, "content"]);
    await world.remove(user, session.id);
    await world.sweptWhenDue();
    assertEquals(await world.database.statusOf(session.id), null);
  },
);

integrationTest("a directory too large to be listed is emptied by name", async (world) => {
  const { session, chat } = await converse(world);
  await overfill(world, session.acontextDiskId);
  const path = "/full/";
  const missing = await chat.removeFile({ path, filename: "missing.txt" });
  assertRefused(missing, 422, "directory_too_large");
  for (const filename of ["0.txt", "1.txt"]) {
    const { status, body } = await chat.removeFile({ path, filename });
    assertEquals([status, body], [200, { deleted: true }]);
  }
  assertEquals((await chat.list({ path })).files.length, 7);
});

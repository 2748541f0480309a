import { assertEquals } from "@std/assert/mod.js";
import { type Api, codesOf, dataOf, messageOf } from "./api.ts";
import { contractTest, standInTest } from "./harness.ts";
import { artifactListSchema, artifactSchema, gotArtifactSchema } from "./shapes.ts";

interface Upload {
  content?: BlobPart;
  name?: string;
  file_path?: string;
  meta?: string;
}

function upload(api: Api, diskId: string, options: Upload = {}) {
  const { content = "hello", name = "a.txt", ...fields } = options;
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.set(field, value);
  form.set("file", new File([content], name));
  return api.call("POST", `/disk/${diskId}/artifact`, { form });
}

async function list(api: Api, diskId: string, path = "/") {
  const answer = await api.call("GET", `/disk/${diskId}/artifact/ls`, { query: { path } });
  const { artifacts, directories } = dataOf(answer, artifactListSchema);
  return [artifacts.map(({ filename }) => filename), directories.toSorted()];
}

contractTest("an uploaded file is answered 201 with its record", async (api) => {
  const id = await api.disk();
  const answer = await upload(api, id, { file_path: "/notes/", meta: '{"n":1}' });
  assertEquals(answer.status, 201);
  const { disk_id, path, filename, meta } = dataOf(answer, artifactSchema);
  assertEquals([disk_id, path, filename], [id, "/notes/", "a.txt"]);
  const { mime: _, ...info } = meta.__artifact_info__;
  assertEquals(info, { path: "/notes/", filename: "a.txt", size: 5 });
  assertEquals(meta["n"], 1);
});

contractTest("a file is read with its content and a public link without a key", async (api) => {
  const id = await api.disk();
  await upload(api, id, { file_path: "/notes/" });
  const query = { file_path: "/notes/a.txt" };
  const got = await api.call("GET", `/disk/${id}/artifact`, { query });
  const { artifact, content, public_url } = dataOf(got, gotArtifactSchema);
  assertEquals([artifact.filename, content?.raw], ["a.txt", "hello"]);
  const response = await fetch(public_url ?? "");
  assertEquals([response.status, await response.text()], [200, "hello"]);
  const lean = { ...query, with_public_url: false, with_content: false };
  const bare = dataOf(
    await api.call("GET", `/disk/${id}/artifact`, { query: lean }),
    gotArtifactSchema,
  );
  assertEquals([bare.content, bare.public_url], [undefined, undefined]);
});

contractTest("binary content is linked, not shown, and comes back unharmed", async (api) => {
  const id = await api.disk();
  const bytes = new Uint8Array([0, 255, 137, 80, 78, 71]);
  await upload(api, id, { content: bytes, name: "a.png" });
  const query = { file_path: "/a.png" };
  const got = await api.call("GET", `/disk/${id}/artifact`, { query });
  const { content, public_url } = dataOf(got, gotArtifactSchema);
  assertEquals(content, undefined);
  assertEquals(await (await fetch(public_url ?? "")).bytes(), bytes);
});

contractTest("an upload without a trailing slash drops the last segment", async (api) => {
  const id = await api.disk();
  const stored = dataOf(await upload(api, id, { file_path: "/notes" }), artifactSchema);
  assertEquals([stored.path, stored.filename], ["/", "a.txt"]);
  assertEquals(await list(api, id), [["a.txt"], []]);
});

contractTest("uploading the same name again replaces the file", async (api) => {
  const id = await api.disk();
  await upload(api, id);
  assertEquals((await upload(api, id, { content: "new" })).status, 201);
  const query = { file_path: "/a.txt" };
  const got = await api.call("GET", `/disk/${id}/artifact`, { query });
  assertEquals(dataOf(got, gotArtifactSchema).content?.raw, "new");
  assertEquals(await list(api, id), [["a.txt"], []]);
});

/** Two uploads of different content under one name, at the same time, until one of them is refused. */
async function collide(api: Api, id: string): Promise<string> {
  for (let round = 0; round < 60; round += 1) {
    const file_path = `/${round}/`;
    const contents = [`one ${round}`, `two ${round}`];
    const answers = await Promise.all(
      contents.map((content) => upload(api, id, { file_path, content })),
    );
    const statuses = answers.map(({ status }) => status);
    if (!statuses.includes(500)) continue;
    assertEquals(statuses.toSorted(), [201, 500]);
    const query = { file_path: `${file_path}a.txt` };
    const got = await api.call("GET", `/disk/${id}/artifact`, { query });
    const stored = contents[statuses.indexOf(201)];
    assertEquals(dataOf(got, gotArtifactSchema).content?.raw, stored);
    return contents[statuses.indexOf(500)] ?? "";
  }
  throw new Error("no upload met another");
}

contractTest("of two uploads under one name at a time the later is answered 500", async (api) => {
  await collide(api, await api.disk());
});

standInTest("its content stays behind, until it is stored again and deleted", async (api) => {
  const id = await api.disk();
  const content = await collide(api, id);
  const other = await api.disk();
  await api.call("DELETE", `/disk/${id}`);
  assertEquals(api.control.content().leaks.length, 1);
  await upload(api, other, { content });
  await api.call("DELETE", `/disk/${other}`);
  assertEquals(api.control.content().objects, []);
});

contractTest("ls is not recursive and names direct subdirectories", async (api) => {
  const id = await api.disk();
  for (const file_path of ["/", "/a/", "/a/b/c/", "/d/"]) await upload(api, id, { file_path });
  assertEquals(await list(api, id), [["a.txt"], ["a", "d"]]);
  assertEquals(await list(api, id, "/a/"), [["a.txt"], ["b"]]);
  assertEquals(await list(api, id, "/a/b/"), [[], ["c"]]);
});

contractTest("ls wants a slash at both ends", async (api) => {
  const id = await api.disk();
  for (const path of ["a", "/a", "a/"]) {
    const answer = await api.call("GET", `/disk/${id}/artifact/ls`, { query: { path } });
    assertEquals(codesOf(answer), [400, 400]);
    assertEquals(messageOf(answer), "both ends of the path must be '/'");
  }
});

contractTest("a deleted file is gone: 404 with code 500, and deleting again 500", async (api) => {
  const id = await api.disk();
  await upload(api, id);
  const query = { file_path: "/a.txt" };
  const path = `/disk/${id}/artifact`;
  const { public_url } = dataOf(await api.call("GET", path, { query }), gotArtifactSchema);
  assertEquals(codesOf(await api.call("DELETE", path, { query })), [200, 0]);
  assertEquals(codesOf(await api.call("GET", path, { query })), [404, 500]);
  assertEquals(codesOf(await api.call("DELETE", path, { query })), [500, 500]);
  const response = await fetch(public_url ?? "");
  await response.body?.cancel();
  assertEquals(response.status, 500);
});

contractTest("a public link expires", async (api) => {
  const id = await api.disk();
  await upload(api, id);
  const query = { file_path: "/a.txt", expire: 1 };
  const got = await api.call("GET", `/disk/${id}/artifact`, { query });
  const { public_url } = dataOf(got, gotArtifactSchema);
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  const response = await fetch(public_url ?? "");
  await response.body?.cancel();
  assertEquals(response.ok, false);
});

contractTest("bad uploads are refused", async (api) => {
  const id = await api.disk();
  const empty = await api.call("POST", `/disk/${id}/artifact`, { form: new FormData() });
  assertEquals([codesOf(empty), messageOf(empty)], [[400, 400], "file is required"]);
  const json = await api.call("POST", `/disk/${id}/artifact`, { json: {} });
  assertEquals([codesOf(json), messageOf(json)], [[400, 400], "file is required"]);
  const path = await upload(api, id, { file_path: "/../" });
  assertEquals([codesOf(path), messageOf(path)], [[400, 400], "invalid path"]);
  for (const meta of ["{", "[]", '{"__artifact_info__":{}}']) {
    assertEquals(codesOf(await upload(api, id, { meta })), [400, 400], meta);
  }
  assertEquals(codesOf(await upload(api, "x")), [400, 400]);
  assertEquals(await list(api, id), [[], []]);
});

contractTest("a file above 16 MiB is HTTP 413 with code 400", async (api) => {
  const id = await api.disk();
  const limit = 16 * 1024 * 1024;
  const content = (size: number) => new Uint8Array(size).fill(32);
  assertEquals((await upload(api, id, { content: content(limit) })).status, 201);
  const answer = await upload(api, id, { content: content(limit + 1) });
  assertEquals(codesOf(answer), [413, 400]);
});

contractTest("a missing disk: 404 to upload, 403 to read, list and delete", async (api) => {
  const id = crypto.randomUUID();
  assertEquals(codesOf(await upload(api, id)), [404, 404]);
  const query = { file_path: "/a.txt" };
  const path = `/disk/${id}/artifact`;
  assertEquals(codesOf(await api.call("GET", path, { query })), [403, 403]);
  assertEquals(codesOf(await api.call("DELETE", path, { query })), [403, 403]);
  assertEquals(codesOf(await api.call("GET", `${path}/ls`)), [403, 403]);
});

contractTest("PUT replaces the caller's meta", async (api) => {
  const id = await api.disk();
  await upload(api, id, { meta: '{"a":1}' });
  const json = { file_path: "/a.txt", meta: '{"b":2}' };
  assertEquals((await api.call("PUT", `/disk/${id}/artifact`, { json })).status, 200);
  const query = { file_path: "/a.txt" };
  const got = await api.call("GET", `/disk/${id}/artifact`, { query });
  const { __artifact_info__: _, ...meta } = dataOf(got, gotArtifactSchema).artifact.meta;
  assertEquals(meta, { b: 2 });
});

standInTest(
  "the same content is stored once and lives until its last file is deleted",
  async (api) => {
    const id = await api.disk();
    await upload(api, id, { name: "a.txt" });
    await upload(api, id, { name: "b.txt" });
    assertEquals(api.control.audit().objects, 1);
    const remove = (file_path: string) =>
      api.call("DELETE", `/disk/${id}/artifact`, { query: { file_path } });
    await remove("/a.txt");
    assertEquals(api.control.audit().objects, 1);
    await remove("/b.txt");
    assertEquals(api.control.audit().objects, 0);
  },
);

standInTest("deleting a disk deletes its stored files", async (api) => {
  const id = await api.disk();
  await upload(api, id);
  await api.call("DELETE", `/disk/${id}`);
  assertEquals(api.control.audit().objects, 0);
});

standInTest("two deletes of one disk at once drop a shared file too early", async (api) => {
  const [one, two] = [await api.disk(), await api.disk()];
  await upload(api, one);
  await upload(api, two);
  await Promise.all([1, 2].map(() => api.call("DELETE", `/disk/${one}`)));
  assertEquals(api.control.audit().overlappingDeletes, 1);
  assertEquals(api.control.audit().objects, 0); // although the other disk still names it
  const query = { file_path: "/a.txt" };
  const got = await api.call("GET", `/disk/${two}/artifact`, { query });
  assertEquals(dataOf(got, gotArtifactSchema).artifact.filename, "a.txt");
});

contractTest(
  "a file name in the form is a quoted string, in which only backslashes escape",
  async (api) => {
    const id = await api.disk();
    const body = [
      "--b",
      'Content-Disposition: form-data; name="file"; filename="a \\"b\\"; c=1 %22 é.txt"',
      "Content-Type: text/plain",
      "",
      "x",
      "--b--",
      "",
    ].join("\r\n");
    const headers = { "content-type": "multipart/form-data; boundary=b" };
    const stored = dataOf(
      await api.call("POST", `/disk/${id}/artifact`, { body, headers }),
      artifactSchema,
    );
    assertEquals(stored.filename, 'a "b"; c=1 %22 é.txt');
  },
);
